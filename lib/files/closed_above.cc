// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/files/closed_above.h"

#include <sys/stat.h>

namespace dkms {

std::filesystem::path closed_above(const std::filesystem::path& path)
{
    std::filesystem::path reached;
    for (const std::filesystem::path& component : path.lexically_normal()) {
        reached /= component;
        struct stat status {};
        if (::stat(reached.c_str(), &status) < 0) break;
        if (S_ISDIR(status.st_mode) && (status.st_mode & S_IXOTH) == 0) return reached;
    }
    return {};
}

} // namespace dkms
