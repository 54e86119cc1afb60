// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/regular_file.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

namespace dkms {

Descriptor open_regular(const std::filesystem::path& path, int flags)
{
    Descriptor file(::open(path.c_str(), flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat facts {};
    if (file && (::fstat(file.number(), &facts) < 0 || !S_ISREG(facts.st_mode))) {
        file.close();
        errno = EINVAL;
    }
    return file;
}

} // namespace dkms
