// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/lower_layer.h"

#include "lib/files/copy_tree.h"
#include "lib/files/names_in.h"
#include "lib/files/remove_tree.h"
#include "lib/tree/directory.h"
#include "lib/tree/lock.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

fs::path notes_of(const Layout& layout) { return layout.own() / "lifts"; }

/// What the names of a process's notes begin with.
std::string prefix_of(pid_t process) { return std::to_string(process) + "-"; }

dev_t device_of(const fs::path& path)
{
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) < 0) refuse_read(path, errno);
    return facts.st_dev;
}

/// `directory` and where its copy is: `whole` once it is complete. All that a lift leaves when it is killed.
struct Lift {
    fs::path directory;
    fs::path half;
    fs::path whole;

    explicit Lift(const fs::path& lifted, const std::string& id)
        : directory(lifted), half(lifted.parent_path() / (".dkmsd-" + id + ".half")),
          whole(lifted.parent_path() / (".dkmsd-" + id + ".whole"))
    {
    }

    /// After this the copy counts.
    void copy() const
    {
        copy_tree(directory, half, {::geteuid(), ::getegid()});
        sync_tree(half);
        if (::rename(half.c_str(), whole.c_str()) < 0) refuse_change(directory, errno);
        sync_directory(directory.parent_path());
    }

    void put_in_place() const
    {
        remove_tree(directory);
        if (::rename(whole.c_str(), directory.c_str()) < 0) refuse_change(directory, errno);
        sync_directory(directory.parent_path());
    }
};

/// False when it is not of a lower layer, but where it is to go is another file system. Directories of an overlay all
/// tell its own device.
bool lift(const Layout& layout, const fs::path& directory, const fs::path& into)
{
    const fs::path above = directory.parent_path();
    if (kind_of_file(directory) != fs::file_type::directory) return false;
    if (device_of(directory) != device_of(above) || device_of(above) != device_of(into)) return false;
    const std::string id = unique_name(prefix_of(::getpid()));
    const fs::path note = make_own_directory(layout, notes_of(layout)) / id;
    write_file_durably(note, directory.string() + "\n", 0600);
    const Lift one(directory, id);
    try {
        one.copy();
    } catch (const Error&) {
        remove_tree(one.half);
        ::unlink(note.c_str());
        throw;
    }
    one.put_in_place();
    ::unlink(note.c_str());
    return true;
}

int exchange(const fs::path& one, const fs::path& other)
{
    if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    const fs::path aside = one.parent_path() / unique_name(one.filename().string() + ".");
    if (::rename(other.c_str(), aside.c_str()) < 0) return errno;
    if (::rename(one.c_str(), other.c_str()) < 0) {
        const int number = errno;
        ::rename(aside.c_str(), other.c_str());
        return number;
    }
    return ::rename(aside.c_str(), one.c_str()) < 0 ? errno : 0;
}

} // namespace

int move_directory(const Layout& layout, const fs::path& from, const fs::path& to)
{
    if (::rename(from.c_str(), to.c_str()) == 0) return 0;
    if (errno != EXDEV) return errno;
    if (!lift(layout, from, to.parent_path())) return EXDEV;
    return ::rename(from.c_str(), to.c_str()) < 0 ? errno : 0;
}

int exchange_names(const Layout& layout, const fs::path& fresh, const fs::path& target)
{
    const int failed = exchange(fresh, target);
    if (failed != EXDEV || !lift(layout, target, fresh.parent_path())) return failed;
    return exchange(fresh, target);
}

void finish_lifts(const Layout& layout, std::optional<pid_t> process)
{
    for (const std::string& id : names_in(notes_of(layout)).value_or(std::vector<std::string>())) {
        if (process && !id.starts_with(prefix_of(*process))) continue;
        const fs::path note = notes_of(layout) / id;
        std::string text = id.front() == '.' ? "" : read_file(note, 65536); // ".…": was never complete
        text.erase(std::min(text.find('\n'), text.size()));
        if (!text.empty()) {
            const Lift one(text, id);
            if (is_present(one.whole)) one.put_in_place();
            remove_tree(one.half);
        }
        if (::unlink(note.c_str()) < 0) refuse_change(note, errno);
    }
}

} // namespace dkms
