// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/walk.h"

#include "lib/model/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

struct Close {
    void operator()(DIR* directory) const { ::closedir(directory); }
};

[[noreturn]] void refuse(const std::string& path, int number)
{
    throw Error(ErrorCode::source_unreadable, {{"path", path}, {"reason", errno_text(number)}});
}

std::vector<std::string> names_in(int directory, const std::string& path)
{
    const int again = ::openat(directory, ".", directory_flags); // with a position of its own
    const std::unique_ptr<DIR, Close> opened(::fdopendir(again));
    if (!opened) refuse(path, errno);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(opened.get())) {
        const std::string_view name = static_cast<const char*>(entry->d_name);
        if (name != "." && name != "..") names.emplace_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

void walk_below(int directory, const std::string& above, const std::function<void(const Found&)>& visit)
{
    for (const std::string& name : names_in(directory, above)) {
        const std::string path = above.empty() ? name : above + "/" + name;
        struct stat facts {};
        if (::fstatat(directory, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT) continue;
            refuse(path, errno);
        }
        visit({directory, name, path, facts});
        if (!S_ISDIR(facts.st_mode)) continue;
        const Descriptor opened(::openat(directory, name.c_str(), directory_flags));
        if (opened)
            walk_below(opened.number(), path, visit);
        else if (errno != ENOENT)
            refuse(path, errno);
    }
}

} // namespace

Descriptor Found::open_file() const
{
    Descriptor file(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat now {};
    if (file && (::fstat(file.number(), &now) < 0 || !S_ISREG(now.st_mode))) {
        errno = EINVAL;
        return {};
    }
    return file;
}

std::string Found::link_text() const
{
    std::array<char, 4096> text{};
    const ssize_t length = ::readlinkat(directory, name.c_str(), text.data(), text.size());
    return length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : std::string();
}

void walk(int directory, const std::function<void(const Found&)>& visit) { walk_below(directory, {}, visit); }

Descriptor open_directory_below(int directory, const std::string& path)
{
    Descriptor current(::openat(directory, ".", directory_flags));
    for (std::size_t at = 0; current && at < path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        current = Descriptor(::openat(current.number(), path.substr(at, end - at).c_str(), directory_flags));
        at = end + 1;
    }
    return current;
}

} // namespace dkms
