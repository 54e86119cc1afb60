// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/files/inside.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr int for_reading = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

/// For kernels and containers without openat2(2): no link at all, and no other file system.
Descriptor open_step_by_step(int directory, const std::filesystem::path& name)
{
    struct stat top {};
    Descriptor reached(::fcntl(directory, F_DUPFD_CLOEXEC, 0));
    if (!reached || ::fstat(directory, &top) < 0) return {};
    for (const auto& component : name) {
        if (component == ".." || component.is_absolute()) {
            errno = EXDEV;
            return {};
        }
        if (component.empty() || component == ".") continue;
        reached = Descriptor(::openat(reached.number(), component.c_str(), for_reading | O_NOFOLLOW));
        struct stat facts {};
        if (!reached || ::fstat(reached.number(), &facts) < 0) return {};
        // Of an overlay only directories tell its own device.
        if (S_ISDIR(facts.st_mode) && facts.st_dev != top.st_dev) {
            errno = EXDEV;
            return {};
        }
    }
    return reached;
}

} // namespace

Descriptor open_below(int directory, const std::filesystem::path& name, Links links)
{
    constexpr int tries = 64; // EAGAIN: something was renamed meanwhile, and the kernel cannot promise "below"
    open_how how{};
    how.flags = for_reading;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    if (links == Links::refused) how.resolve |= RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
    long opened = -1;
    for (int i = 0; i < tries; ++i) {
        opened = ::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how);
        if (opened >= 0 || errno != EAGAIN) break;
    }
    if (opened < 0 && (errno == ENOSYS || errno == EPERM)) // old seccomp filters of containers
        return open_step_by_step(directory, name);
    return Descriptor(static_cast<int>(opened));
}

Descriptor open_inside(const std::filesystem::path& directory, const std::filesystem::path& name)
{
    const Descriptor top(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!top) return {};
    Descriptor file = open_below(top.number(), name, Links::below);
    struct stat status {};
    if (!file || ::fstat(file.number(), &status) < 0) return {};
    if (S_ISREG(status.st_mode)) return file;
    errno = EINVAL;
    return {};
}

} // namespace dkms
