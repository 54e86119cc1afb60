// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/module_link.h"

#include "lib/files/file_kind.h"

namespace dkms {

std::string module_link_text(const Places& places, const std::filesystem::path& built,
                             const std::filesystem::path& link)
{
    if (places.root == "/") return built;
    // "..", in a link, is a step from where its directory really is, /usr/lib instead of /lib.
    std::filesystem::path directory = link.parent_path();
    std::filesystem::path to_come;
    for (; !real_path(directory) && directory.has_relative_path(); directory = directory.parent_path())
        to_come = directory.filename() / to_come;
    const auto from = real_path(directory).value_or(directory) / to_come;
    return real_path(built).value_or(built).lexically_relative(from.lexically_normal());
}

} // namespace dkms
