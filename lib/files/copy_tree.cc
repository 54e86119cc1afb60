// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/files/copy_tree.h"

#include "lib/files/names_in.h"
#include "lib/files/walk.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
constexpr mode_t kept_bits = 0777;
constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

[[noreturn]] void refuse_source(const fs::path& path, const std::string& reason)
{
    throw Error(ErrorCode::source_unreadable, {{"path", path.string()}, {"reason", reason}});
}

[[noreturn]] void refuse_source(const fs::path& path, int number) { refuse_source(path, errno_text(number)); }

/// Makes `name` in `parent` a directory, or finds that it is one; anything else there gives way.
Descriptor made_directory(int parent, const std::string& name, const fs::path& shown)
{
    for (int tries = 0; tries < 2; ++tries) {
        if (::mkdirat(parent, name.c_str(), 0700) < 0 && errno != EEXIST) refuse_change(shown, errno);
        Descriptor opened(::openat(parent, name.c_str(), directory_flags));
        if (opened) return opened;
        if ((errno != ENOTDIR && errno != ELOOP) || ::unlinkat(parent, name.c_str(), 0) < 0) break;
    }
    refuse_change(shown, errno);
}

class Copier {
public:
    Copier(std::pair<uid_t, gid_t> owner, CopiedModes modes)
        : owner_(owner), change_owner_(owner.first != ::geteuid()), modes_(modes)
    {
    }

    /// The content of one directory; `shown` are the paths of both.
    void directory(int from, int to, const fs::path& shown, const fs::path& shown_to, std::size_t depth) const
    {
        if (depth > deepest_walk) refuse_source(shown, "directories are nested too deep");
        struct stat status {};
        if (::fstat(from, &status) < 0) refuse_source(shown, errno);
        const int failed = for_each_name(from, [&](std::string_view each) {
            const std::string name(each);
            one(from, to, name, shown / name, shown_to / name, depth);
        });
        if (failed != 0) refuse_source(shown, failed);
        finish(to, shown_to, status, (status.st_mode & kept_bits) | 0700);
    }

private:
    void one(int from, int to, const std::string& name, const fs::path& shown, const fs::path& shown_to,
             std::size_t depth) const
    {
        struct stat status {};
        if (::fstatat(from, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT) return; // it was removed while we read the directory
            refuse_source(shown, errno);
        }
        if (S_ISDIR(status.st_mode)) {
            const Descriptor inner(::openat(from, name.c_str(), directory_flags));
            if (!inner) refuse_source(shown, errno);
            directory(inner.number(), made_directory(to, name, shown_to).number(), shown, shown_to, depth + 1);
        } else if (S_ISREG(status.st_mode)) {
            file(from, to, name, shown, shown_to);
        } else if (S_ISLNK(status.st_mode)) {
            link(from, to, name, shown, shown_to);
        }
    }

    void file(int from, int to, const std::string& name, const fs::path& shown, const fs::path& shown_to) const
    {
        const Descriptor source(::openat(from, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        struct stat status {};
        if (!source || ::fstat(source.number(), &status) < 0) refuse_source(shown, errno);
        if (!S_ISREG(status.st_mode)) refuse_source(shown, "it was replaced while it was read");
        make_room(to, name, shown_to);
        const Descriptor copy(::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!copy) refuse_change(shown_to, errno);
        if (const int number = copy_content(source.number(), copy.number())) refuse_change(shown_to, number);
        const mode_t more = modes_ == CopiedModes::owner_writes ? 0200 : 0;
        finish(copy.number(), shown_to, status, (status.st_mode & kept_bits) | more);
    }

    void link(int from, int to, const std::string& name, const fs::path& shown, const fs::path& shown_to) const
    {
        std::array<char, 4097> target{};
        const ssize_t length = ::readlinkat(from, name.c_str(), target.data(), target.size() - 1);
        if (length < 0) refuse_source(shown, errno);
        make_room(to, name, shown_to);
        if (::symlinkat(target.data(), to, name.c_str()) < 0) refuse_change(shown_to, errno);
        if (change_owner_ && ::fchownat(to, name.c_str(), owner_.first, owner_.second, AT_SYMLINK_NOFOLLOW) < 0)
            refuse_change(shown_to, errno);
    }

    static void make_room(int to, const std::string& name, const fs::path& shown_to)
    {
        if (::unlinkat(to, name.c_str(), 0) < 0 && errno != ENOENT) refuse_change(shown_to, errno);
    }

    void finish(int copy, const fs::path& shown_to, const struct stat& status, mode_t mode) const
    {
        const std::array<timespec, 2> times{status.st_atim, status.st_mtim};
        if ((change_owner_ && ::fchown(copy, owner_.first, owner_.second) < 0) || ::fchmod(copy, mode) < 0 ||
            ::futimens(copy, times.data()) < 0)
            refuse_change(shown_to, errno);
    }

    std::pair<uid_t, gid_t> owner_;
    bool change_owner_;
    CopiedModes modes_;
};

} // namespace

CopiedBytes copy_at_most(int from, int to, std::uint64_t most)
{
    constexpr std::uint64_t at_once = 1U << 30;
    for (std::uint64_t bytes = 0;;) {
        if (bytes > most) return {bytes, 0};
        const ssize_t copied =
            ::sendfile(to, from, nullptr, static_cast<std::size_t>(std::min(at_once, most - bytes) + 1));
        if (copied == 0) return {bytes, 0};
        if (copied < 0 && errno != EINTR) return {bytes, errno};
        if (copied > 0) bytes += static_cast<std::uint64_t>(copied);
    }
}

int copy_content(int from, int to)
{
    return copy_at_most(from, to, std::numeric_limits<std::uint64_t>::max() - 1).failed;
}

void copy_tree(const Descriptor& from, const fs::path& shown, const fs::path& to, std::pair<uid_t, gid_t> owner,
               CopiedModes modes)
{
    const Descriptor parent(::open(to.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent) refuse_change(to.parent_path(), errno);
    const Descriptor copy = made_directory(parent.number(), to.filename().string(), to);
    Copier(owner, modes).directory(from.number(), copy.number(), shown, to, 1);
}

void sync_tree(const fs::path& directory)
{
    walk(directory, [&](const Found& found) {
        if (S_ISLNK(found.facts.st_mode)) return; // lasts with its directory
        const Descriptor opened(::openat(found.directory, found.name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        if (!opened || ::fsync(opened.number()) < 0) refuse_change(directory / found.path, errno);
    });
    sync_directory(directory);
}

void copy_tree(const fs::path& from, const fs::path& to, std::pair<uid_t, gid_t> owner, CopiedModes modes)
{
    const Descriptor source(::open(from.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!source) refuse_source(from, errno);
    copy_tree(source, from, to, owner, modes);
}

} // namespace dkms
