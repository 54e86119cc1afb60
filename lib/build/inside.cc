// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/inside.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr int for_reading = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

Descriptor open_step_by_step(Descriptor directory, const std::filesystem::path& name)
{
    for (const auto& component : name) {
        if (component == ".." || component.is_absolute()) {
            errno = EXDEV;
            return {};
        }
        if (component.empty() || component == ".") continue;
        directory = Descriptor(::openat(directory.number(), component.c_str(), for_reading | O_NOFOLLOW));
        if (!directory) break;
    }
    return directory;
}

Descriptor open_below(Descriptor directory, const std::filesystem::path& name)
{
    open_how how{};
    how.flags = for_reading;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    const long opened = ::syscall(SYS_openat2, directory.number(), name.c_str(), &how, sizeof how);
    if (opened < 0 && (errno == ENOSYS || errno == EPERM)) // old seccomp filters of containers
        return open_step_by_step(std::move(directory), name);
    return Descriptor(static_cast<int>(opened));
}

} // namespace

Descriptor open_inside(const std::filesystem::path& directory, const std::filesystem::path& name)
{
    Descriptor top(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!top) return top;
    Descriptor file = open_below(std::move(top), name);
    struct stat status {};
    if (!file || ::fstat(file.number(), &status) < 0) return {};
    if (S_ISREG(status.st_mode)) return file;
    errno = EINVAL;
    return {};
}

} // namespace dkms
