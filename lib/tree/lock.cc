// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/lock.h"

#include "lib/model/error.h"
#include "lib/tree/directory.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path) { refuse_change(path, errno); }

/// Whether the file behind `descriptor` is still the one at `path`: the tree may have been removed and made again.
bool is_at(int descriptor, const std::filesystem::path& path)
{
    struct stat opened {};
    struct stat named {};
    if (::fstat(descriptor, &opened) != 0) refuse(path);
    if (::lstat(path.c_str(), &named) != 0) {
        if (means_absent(errno)) return false;
        refuse(path);
    }
    return opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

/// Also what an earlier version made with another mode.
void make_with_mode(const std::filesystem::path& directory, mode_t mode)
{
    if (::mkdir(directory.c_str(), mode) != 0 && errno != EEXIST) refuse(directory);
    struct stat status {};
    if (::lstat(directory.c_str(), &status) != 0) refuse(directory);
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        refuse(directory);
    }
    if ((status.st_mode & 0777) != mode && status.st_uid == ::geteuid() && ::chmod(directory.c_str(), mode) != 0)
        refuse(directory);
}

/// Locks what `file` has open, or where such a descriptor cannot have a lock (NFS), a copy of `writable` in its place.
/// False: another has the lock.
bool try_lock(Descriptor& file, int writable, const std::filesystem::path& path)
{
    int failed = ::flock(file.number(), LOCK_EX | LOCK_NB);
    if (failed != 0 && errno == EBADF) {
        file = Descriptor(::fcntl(writable, F_DUPFD_CLOEXEC, 0));
        failed = ::flock(file.number(), LOCK_EX | LOCK_NB);
    }
    if (failed != 0 && errno != EWOULDBLOCK) refuse(path);
    return failed == 0;
}

} // namespace

bool holds_lock(int descriptor, const Layout& layout)
{
    return is_at(descriptor, layout.lock()) && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
}

Command command_that_waits(const Layout& layout)
{
    Command command;
    command.argv = {"flock", "--exclusive", layout.lock().string(), "true"};
    command.environment = base_environment();
    return command;
}

std::filesystem::path make_own_directory(const Layout& layout, const std::filesystem::path& below)
{
    make_directories(layout.tree());
    make_with_mode(layout.own(), 0711);
    // What a build leaves in there, setuid files too, is for no other user.
    std::filesystem::path reached = layout.own();
    for (const auto& component : below.lexically_relative(layout.own())) {
        if (component == ".") continue;
        reached /= component;
        // The user who builds goes through there, to a directory of the build's that says who may (Workplace).
        make_with_mode(reached, reached == layout.builds() ? 0711 : 0700);
    }
    return below;
}

bool TreeLock::try_take()
{
    if (held()) return true;
    make_own_directory(layout_, layout_.own());
    const auto path = layout_.lock();
    for (;;) {
        // Who gets the lock's descriptor must not be able to write a file of root's by it.
        Descriptor text(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!text) refuse(path);
        Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (!file && errno == ENOENT) continue;
        if (!file) refuse(path);
        if (!try_lock(file, text.number(), path)) return false;
        if (!is_at(file.number(), path) || !is_at(text.number(), path)) continue;
        if (::ftruncate(text.number(), 0) != 0) refuse(path);
        write_all(text.number(), std::to_string(named_) + " " + mode_ + "\n");
        descriptor_ = std::move(file);
        return true;
    }
}

TreeLock::Holder TreeLock::holder() const { return holder_of(layout_.lock()); }

bool TreeLock::held_by_ancestor() const { return !held() && is_held_above(layout_.lock(), ::getppid()); }

} // namespace dkms
