// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/handle.h"

namespace dkms {

std::filesystem::path path_of_handle(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

std::string name_of_handle(int descriptor)
{
    std::error_code unknown; // without /proc: it is only what people read
    const auto name = std::filesystem::read_symlink(path_of_handle(descriptor), unknown);
    return unknown ? "descriptor " + std::to_string(descriptor) : name.string();
}

} // namespace dkms
