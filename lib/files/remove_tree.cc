// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/files/remove_tree.h"

#include "lib/files/as_user.h"
#include "lib/files/names_in.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"

#include <cerrno>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void leave(const fs::path& path, int number)
{
    throw Error(ErrorCode::leftovers_remain,
                {{"path", path.string()}, {"reason", errno_text(number)}, {"errno", std::to_string(number)}});
}

/// Empties one directory. Up to some depth it descends, with a descriptor for each level; a directory below that is
/// moved up into the first one, which is gone through until nothing is left: so no depth is too deep.
class Emptying {
public:
    Emptying(int top, const fs::path& shown) : top_(top), shown_(shown) {}

    void run()
    {
        do moved_ = false, empty(top_, 1);
        while (moved_);
    }

private:
    static constexpr int deepest = 32;

    void empty(int directory, int depth)
    {
        // What is deleted may make a file system skip names that were not read yet: again, until none is left.
        for (bool found = true; found;) {
            found = false;
            const int failed = for_each_name(directory, [&](std::string_view name) {
                remove(directory, std::string(name), depth);
                found = true;
            });
            if (failed != 0) leave(shown_, failed);
        }
    }

    void remove(int directory, const std::string& name, int depth)
    {
        if (::unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) return;
        if (errno != EISDIR && errno != EPERM) leave(shown_ / name, errno);
        if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return;
        if (errno != ENOTEMPTY && errno != EEXIST) leave(shown_ / name, errno);
        const Descriptor opened = enter(directory, name);
        if (depth >= deepest) {
            move_up(directory, name);
            return;
        }
        empty(opened.number(), depth + 1);
        if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) < 0) leave(shown_ / name, errno);
    }

    /// Opens a directory, and sees to it that it can be changed.
    Descriptor enter(int directory, const std::string& name) const
    {
        constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        Descriptor opened(::openat(directory, name.c_str(), flags));
        if (!opened && errno == EACCES && ::fchmodat(directory, name.c_str(), 0700, 0) == 0)
            opened = Descriptor(::openat(directory, name.c_str(), flags));
        struct stat facts {};
        if (!opened || ::fstat(opened.number(), &facts) < 0) leave(shown_ / name, errno);
        if ((facts.st_mode & 0700) != 0700 && ::fchmod(opened.number(), 0700) < 0) leave(shown_ / name, errno);
        return opened;
    }

    void move_up(int directory, const std::string& name)
    {
        for (;; ++number_) {
            const std::string fresh = ".deleted-" + std::to_string(number_);
            if (::renameat2(directory, name.c_str(), top_, fresh.c_str(), RENAME_NOREPLACE) == 0) break;
            if (errno != EEXIST) leave(shown_ / name, errno);
        }
        moved_ = true;
    }

    int top_;
    const fs::path& shown_;
    bool moved_ = false;
    unsigned long number_ = 0;
};

} // namespace

void remove_tree(int parent, const std::string& name, const fs::path& shown)
{
    if (::unlinkat(parent, name.c_str(), 0) == 0 || means_absent(errno)) return;
    if (errno != EISDIR && errno != EPERM) leave(shown, errno);
    const Descriptor opened(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened && ::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0) return; // empty, and closed to us
    if (!opened) leave(shown, errno);
    Emptying(opened.number(), shown).run();
    if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) < 0 && errno != ENOENT) leave(shown, errno);
}

void remove_tree(const fs::path& path)
{
    const fs::path above = path.has_parent_path() ? path.parent_path() : fs::path(".");
    const Descriptor parent(::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent)
        remove_tree(parent.number(), path.filename().string(), path);
    else if (!means_absent(errno))
        leave(path, errno);
}

void empty_directory_as(std::pair<uid_t, gid_t> owner, int directory, const fs::path& shown)
{
    as_user(owner, [&] { Emptying(directory, shown).run(); });
}

void remove_private_directory(const fs::path& path)
{
    const Descriptor opened(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened && means_absent(errno)) return;
    if (!opened) leave(path, errno);
    const int failed = for_each_name(opened.number(), [&](std::string_view each) {
        const std::string name(each);
        const Descriptor inner(
            ::openat(opened.number(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
        struct stat facts {};
        if (!inner || ::fstat(inner.number(), &facts) < 0 || facts.st_uid == ::geteuid()) return;
        empty_directory_as({facts.st_uid, facts.st_gid}, inner.number(), path / name);
    });
    if (failed != 0) leave(path, failed);
    remove_tree(path);
}

} // namespace dkms
