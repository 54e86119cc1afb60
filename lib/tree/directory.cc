// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/directory.h"

#include "lib/files/names_in.h"
#include "lib/model/ids.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

Directory::Kind kind_of_mode(mode_t mode)
{
    if (S_ISDIR(mode)) return Directory::Kind::directory;
    if (S_ISLNK(mode)) return Directory::Kind::link;
    return S_ISREG(mode) ? Directory::Kind::file : Directory::Kind::other;
}

Directory::Kind kind_of(int directory, const std::filesystem::path& path, const char* name, unsigned char type)
{
    switch (type) {
    case DT_DIR:
        return Directory::Kind::directory;
    case DT_LNK:
        return Directory::Kind::link;
    case DT_REG:
        return Directory::Kind::file;
    case DT_UNKNOWN: {
        struct stat facts {};
        if (::fstatat(directory, name, &facts, AT_SYMLINK_NOFOLLOW) == 0) return kind_of_mode(facts.st_mode);
        if (!means_absent(errno)) refuse_read(path / name, errno);
        return Directory::Kind::other;
    }
    default:
        return Directory::Kind::other;
    }
}

/// For names behind which links are followed: a circle of them leads to nothing.
bool leads_nowhere(int number) { return means_absent(number) || number == ELOOP; }

} // namespace

std::optional<Directory> Directory::open_at(int parent, const std::string& name, std::filesystem::path path,
                                            Forbidden forbidden)
{
    Descriptor descriptor(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor) return Directory(std::move(descriptor), std::move(path));
    const int failed = errno;
    if (leads_nowhere(failed) || (failed == EACCES && forbidden == Forbidden::absent)) return std::nullopt;
    refuse_read(path, failed);
}

std::optional<Directory> Directory::open_if_allowed(const std::filesystem::path& path)
{
    return open_at(AT_FDCWD, path.string(), path, Forbidden::absent);
}

std::optional<Directory> Directory::open(const std::filesystem::path& path)
{
    return open_at(AT_FDCWD, path.string(), path);
}

std::optional<Directory> Directory::open_below(const std::string& name) const
{
    return open_at(descriptor_.number(), name, path_ / name);
}

std::vector<Directory::Entry> Directory::entries() const
{
    std::vector<Entry> result;
    const int failed = for_each_entry(number(), [&](std::string_view name, unsigned char type) {
        if (is_utf8(name)) result.push_back({std::string(name), kind_of(number(), path_, name.data(), type)});
    });
    if (failed != 0 && failed != ENOENT) refuse_read(path_, failed); // one that was deleted meanwhile is empty
    return result;
}

bool Directory::has_directory(const std::string& name) const
{
    struct stat facts {};
    if (::fstatat(number(), name.c_str(), &facts, 0) == 0) return S_ISDIR(facts.st_mode);
    const int failed = errno;
    if (leads_nowhere(failed)) return false;
    refuse_read(path_ / name, failed);
}

bool Directory::has(const std::string& name) const
{
    struct stat facts {};
    if (::fstatat(number(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0) return true;
    if (means_absent(errno)) return false;
    refuse_read(path_ / name, errno);
}

std::string Directory::link_text(const std::string& name) const
{
    std::array<char, 4096> text;
    const ssize_t length = ::readlinkat(number(), name.c_str(), text.data(), text.size());
    if (length < 0 && !means_absent(errno) && errno != EINVAL) refuse_read(path_ / name, errno);
    return length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : std::string();
}

std::vector<std::filesystem::path> make_directories(const std::filesystem::path& path)
{
    std::vector<std::filesystem::path> made;
    try {
        std::filesystem::path so_far;
        for (const auto& part : path) {
            so_far /= part;
            if (::mkdir(so_far.c_str(), 0755) == 0)
                made.push_back(so_far);
            else if (const int failed = errno; failed != EEXIST && !leads_somewhere(so_far))
                refuse_change(so_far, failed);
        }
        if (!leads_to_directory(path)) refuse_change(path, ENOTDIR);
    } catch (const Error&) {
        for (auto one = made.rbegin(); one != made.rend(); ++one) ::rmdir(one->c_str());
        throw;
    }
    return made;
}

void remove_if_empty(const std::filesystem::path& directory)
{
    if (::rmdir(directory.c_str()) == 0 || means_absent(errno) || errno == ENOTEMPTY || errno == EEXIST) return;
    refuse_change(directory, errno);
}

void require_writable(const std::filesystem::path& path)
{
    std::filesystem::path existing = path;
    while (!leads_somewhere(existing) && existing.has_relative_path()) existing = existing.parent_path();
    if (::faccessat(AT_FDCWD, existing.c_str(), W_OK | X_OK, AT_EACCESS) != 0) refuse_change(existing, errno);
}

std::string unique_name(const std::string& prefix)
{
    std::uint64_t random = 0;
    if (::getrandom(&random, sizeof random, 0) != sizeof random) random = static_cast<std::uint64_t>(::getpid());
    std::array<char, 20> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(random));
    return prefix + digits.data();
}

} // namespace dkms
