// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/handle.h"

#include <sys/stat.h>

namespace dkms {

std::filesystem::path path_of_handle(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

std::string name_of_handle(int descriptor)
{
    std::error_code unknown;
    const auto name = std::filesystem::read_symlink(path_of_handle(descriptor), unknown);
    return unknown ? "descriptor " + std::to_string(descriptor) : name.string();
}

bool is_directory(int descriptor)
{
    struct stat facts {};
    return ::fstat(descriptor, &facts) == 0 && S_ISDIR(facts.st_mode);
}

} // namespace dkms
