// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/files/walk.h"

#include "lib/files/names_in.h"
#include "lib/model/error.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

class Walk {
public:
    Walk(const std::function<void(const Found&)>& visit, const std::function<bool(const Found&)>& enters,
         const std::filesystem::path& shown)
        : visit_(visit), enters_(enters), shown_(shown)
    {
    }

    void run(int directory) const
    {
        try {
            below(directory, {}, 1);
        } catch (const EnoughSeen&) {
            return;
        }
    }

private:
    void below(int directory, const std::string& above, std::size_t depth) const
    {
        for (const std::string& name : sorted_names(directory, above)) {
            const std::string path = above.empty() ? name : above + "/" + name;
            struct stat facts {};
            if (::fstatat(directory, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) < 0) {
                if (errno == ENOENT) continue;
                refuse_read(shown_ / path, errno);
            }
            const Found found{directory, name, path, facts};
            visit_(found);
            if (S_ISDIR(facts.st_mode) && (!enters_ || enters_(found))) enter(directory, name, path, depth);
        }
    }

    void enter(int directory, const std::string& name, const std::string& path, std::size_t depth) const
    {
        if (depth == deepest_walk)
            throw Error(ErrorCode::read_failed,
                        {{"path", (shown_ / path).string()},
                         {"reason", "directories are nested more than " + std::to_string(deepest_walk) + " deep"}});
        const Descriptor opened(::openat(directory, name.c_str(), directory_flags));
        if (opened)
            below(opened.number(), path, depth + 1);
        else if (errno != ENOENT) // `visit` may have deleted it
            refuse_read(shown_ / path, errno);
    }

    std::vector<std::string> sorted_names(int directory, const std::string& path) const
    {
        const Descriptor again(::openat(directory, ".", directory_flags)); // with a position of its own
        if (!again) refuse_read(shown_ / path, errno);
        std::vector<std::string> names;
        const int failed = for_each_name(again.number(), [&](std::string_view name) { names.emplace_back(name); });
        if (failed != 0) refuse_read(shown_ / path, failed);
        std::sort(names.begin(), names.end());
        return names;
    }

    const std::function<void(const Found&)>& visit_;
    const std::function<bool(const Found&)>& enters_;
    const std::filesystem::path& shown_;
};

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
    if (length < 0 && errno != ENOENT && errno != EINVAL) refuse_read(path, errno);
    return length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : std::string();
}

void walk(int directory, const std::function<void(const Found&)>& visit, const std::filesystem::path& shown)
{
    Walk(visit, {}, shown).run(directory);
}

void walk(const std::filesystem::path& directory, const std::function<void(const Found&)>& visit,
          const std::function<bool(const Found&)>& enters)
{
    const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened)
        Walk(visit, enters, directory).run(opened.number());
    else if (!means_absent(errno))
        refuse_read(directory, errno);
}

std::vector<std::string> directories_in(const std::filesystem::path& directory)
{
    std::vector<std::string> names;
    const auto visit = [&](const Found& found) {
        if (S_ISDIR(found.facts.st_mode)) names.push_back(found.name);
    };
    walk(directory, visit, [](const Found&) { return false; });
    return names;
}

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
