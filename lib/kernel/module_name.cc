// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/module_name.h"

#include <string_view>

namespace dkms {

std::string module_name_of(const std::filesystem::path& file)
{
    const std::string name = file.filename().string();
    for (const std::string_view suffix : {".ko", ".ko.gz", ".ko.xz", ".ko.zst", ".o"})
        if (name.size() > suffix.size() && name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
    return {};
}

} // namespace dkms
