// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/lock.h"

#include "lib/model/error.h"
#include "lib/tree/directory.h"

#include <cerrno>
#include <chrono>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr int in_child = 3;
constexpr auto longest_turn = std::chrono::seconds(2); // enough for who is woken up to take a lock that is free

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

/// For reading only: who gets the lock's descriptor must not be able to write a file of root's by it, and who waits
/// keeps nobody from making the file system read-only.
Descriptor open_to_lock(const std::filesystem::path& path)
{
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    if (!file) refuse(path);
    return file;
}

Descriptor open_to_write(const std::filesystem::path& path)
{
    Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file && !means_absent(errno)) refuse(path);
    return file;
}

/// Locks what `file` has open, or where such a descriptor cannot have a lock (NFS), one for writing in its place.
/// False: another has the lock.
bool try_lock(Descriptor& file, const std::filesystem::path& path)
{
    int failed = ::flock(file.number(), LOCK_EX | LOCK_NB);
    if (failed != 0 && errno == EBADF) {
        file = open_to_write(path);
        failed = ::flock(file.number(), LOCK_EX | LOCK_NB);
    }
    if (failed != 0 && errno != EWOULDBLOCK) refuse(path);
    return failed == 0;
}

/// A command that ends with 0 when `file` is locked, by this descriptor of ours, or with another code after `longest`.
Command command_that_locks(const Descriptor& file, std::optional<std::chrono::seconds> longest)
{
    Command command;
    command.argv = {"flock", "--exclusive"};
    if (longest) command.argv.insert(command.argv.end(), {"--timeout", std::to_string(longest->count())});
    command.argv.push_back(std::to_string(in_child));
    command.inherit = {{file.number(), in_child}};
    command.environment = base_environment();
    return command;
}

} // namespace

bool holds_lock(int descriptor, const Layout& layout)
{
    return is_at(descriptor, layout.lock()) && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
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

void TreeLock::open()
{
    make_own_directory(layout_, layout_.own());
    file_ = open_to_lock(layout_.lock());
    turn_ = open_turn();
    has_turn_ = false;
}

/// False: another has it.
bool TreeLock::take_turn()
{
    if (is_first()) return true;
    if (::flock(turn_.number(), LOCK_EX | LOCK_NB) == 0)
        has_turn_ = true;
    else if (errno == EBADF)
        is_overdue_ = true; // NFS: there are no turns there
    else if (errno != EWOULDBLOCK)
        refuse(turn());
    return is_first();
}

bool TreeLock::try_take()
{
    if (held()) return true;
    if (waiter_ && !waiter_->poll()) return false;
    const auto path = layout_.lock();
    Descriptor text;
    while (!text) {
        if (!file_) open();
        if (!take_turn() || !try_lock(file_, path)) {
            if (!is_waiting_) stop_waiting(); // it leaves no trace of having asked
            return false;
        }
        if (is_at(file_.number(), path)) text = open_to_write(path);
        if (text && !is_at(text.number(), path)) text.close();
        if (!text) file_.close();
    }
    if (::ftruncate(text.number(), 0) != 0) refuse(path);
    write_all(text.number(), std::to_string(named_) + " " + mode_ + "\n");
    Descriptor turn = open_turn();
    descriptor_ = std::move(file_);
    stop_waiting();
    turn_ = std::move(turn);
    return true;
}

int TreeLock::wait()
{
    if (waiter_) {
        const auto ended = waiter_->poll();
        if (!ended) return waiter_->descriptor();
        waiter_.reset();
        if (is_first()) return -1; // it was the lock that it waited for
        (ended->ok() ? has_turn_ : is_overdue_) = true;
    }
    is_waiting_ = true;
    if (!file_) open();
    const bool is_first = take_turn();
    if (is_first && try_lock(file_, layout_.lock())) return -1;
    waiter_ = Child::start(is_first ? command_that_locks(file_, {}) : command_that_locks(turn_, longest_turn));
    return waiter_->descriptor();
}

void TreeLock::stop_waiting()
{
    waiter_.reset();
    file_.close();
    turn_.close();
    is_waiting_ = has_turn_ = is_overdue_ = false;
}

void TreeLock::release()
{
    stop_waiting();
    descriptor_.close();
}

Descriptor TreeLock::open_turn() const { return open_to_lock(turn()); }

bool is_turn_taken(int turn)
{
    if (::flock(turn, LOCK_EX | LOCK_NB) != 0) return errno == EWOULDBLOCK;
    ::flock(turn, LOCK_UN);
    return false;
}

TreeLock::Holder TreeLock::holder() const { return holder_of(layout_.lock()); }

bool TreeLock::held_by_ancestor() const { return !held() && is_held_above(layout_.lock(), ::getppid()); }

} // namespace dkms
