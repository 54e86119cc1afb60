// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/copy_tree.h"

#include "lib/build/private_directory.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
constexpr mode_t kept_bits = 0777;

[[noreturn]] void refuse_source(const fs::path& path, int number)
{
    throw Error(ErrorCode::source_unreadable, {{"path", path.string()}, {"reason", errno_text(number)}});
}

class Copier {
public:
    explicit Copier(std::pair<uid_t, gid_t> owner) : owner_(owner), change_owner_(owner.first != ::geteuid()) {}

    void directory(const fs::path& from, const fs::path& to) const
    {
        struct stat status {};
        if (::stat(from.c_str(), &status) < 0) refuse_source(from, errno);
        make_directory(to, 0700);
        std::error_code unreadable;
        for (fs::directory_iterator entry(from, unreadable), end; !unreadable && entry != end;
             entry.increment(unreadable))
            one(entry->path(), to / entry->path().filename());
        if (unreadable) refuse_source(from, unreadable.value());
        finish(to, status, (status.st_mode & kept_bits) | 0700);
    }

private:
    void one(const fs::path& from, const fs::path& to) const
    {
        struct stat status {};
        if (::lstat(from.c_str(), &status) < 0) {
            if (errno == ENOENT) return; // it was removed while we read the directory
            refuse_source(from, errno);
        }
        if (S_ISDIR(status.st_mode))
            directory(from, to);
        else if (S_ISREG(status.st_mode))
            file(from, to, status);
        else if (S_ISLNK(status.st_mode))
            link(from, to);
    }

    void file(const fs::path& from, const fs::path& to, const struct stat& status) const
    {
        const Descriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        if (!source) refuse_source(from, errno);
        make_room(to);
        const Descriptor copy(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!copy) refuse_change(to, errno);
        if (const int number = copy_content(source.number(), copy.number())) refuse_change(to, number);
        finish(to, status, status.st_mode & kept_bits);
    }

    void link(const fs::path& from, const fs::path& to) const
    {
        std::error_code failed;
        const fs::path target = fs::read_symlink(from, failed);
        if (failed) refuse_source(from, failed.value());
        make_room(to);
        if (::symlink(target.c_str(), to.c_str()) < 0) refuse_change(to, errno);
        give(to);
    }

    static void make_room(const fs::path& to)
    {
        if (::unlink(to.c_str()) < 0 && errno != ENOENT) refuse_change(to, errno);
    }

    void give(const fs::path& path) const
    {
        if (change_owner_ && ::lchown(path.c_str(), owner_.first, owner_.second) < 0) refuse_change(path, errno);
    }

    void finish(const fs::path& path, const struct stat& status, mode_t mode) const
    {
        const std::array<timespec, 2> times{status.st_atim, status.st_mtim};
        give(path);
        if (::chmod(path.c_str(), mode) < 0 || ::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) < 0)
            refuse_change(path, errno);
    }

    std::pair<uid_t, gid_t> owner_;
    bool change_owner_;
};

} // namespace

int copy_content(int from, int to)
{
    constexpr std::size_t most = 1U << 30;
    for (;;) {
        const ssize_t copied = ::sendfile(to, from, nullptr, most);
        if (copied == 0) return 0;
        if (copied < 0 && errno != EINTR) return errno;
    }
}

void copy_tree(const fs::path& from, const fs::path& to, std::pair<uid_t, gid_t> owner)
{
    Copier(owner).directory(from, to);
}

} // namespace dkms
