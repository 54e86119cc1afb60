// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/mounts.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <optional>

#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// Where something is mounted: bwrap makes its way inside, where a link with an absolute path leads nowhere, such as
/// that of a tree which lies on another disk. In what is hidden or empty there are no links: what is called as one that
/// is there outside, like the source of a version, is another directory inside.
fs::path without_links(const fs::path& where, const std::vector<fs::path>& empty = {})
{
    if (is_hidden_in_sandbox(where)) return where;
    for (const auto& above : empty)
        if (const auto below = where.lexically_relative(above); !below.empty() && *below.begin() != "..")
            return below == "." ? without_links(above) : without_links(above) / below;
    std::error_code failed; // then bwrap says so
    auto real = fs::weakly_canonical(where, failed);
    return failed ? where : real;
}

enum class Kind { empty, read_only, writable, shown_again };

struct Mount {
    fs::path where;
    Kind kind;
    fs::path what = {}; ///< outside; of a directory that is shown again, that directory
};

auto depth_of(const fs::path& path) { return std::distance(path.begin(), path.end()); }

/// `path` below `directory`; nothing if it does not lie there.
std::optional<fs::path> below(const fs::path& path, const fs::path& directory)
{
    const auto ends = std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
    if (ends.first != directory.end()) return std::nullopt;
    fs::path rest;
    for (auto one = ends.second; one != path.end(); ++one) rest /= *one;
    return rest;
}

bool is_there(const fs::path& path)
{
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0;
}

std::vector<fs::path> entries_of(const fs::path& directory)
{
    std::vector<fs::path> entries;
    std::error_code failed; // what cannot be read is not shown
    for (fs::directory_iterator one(directory, failed), end; !failed && one != end; one.increment(failed))
        entries.push_back(one->path());
    std::sort(entries.begin(), entries.end());
    return entries;
}

/// The places of one sandbox, until each of them has something to be mounted on.
class Plan {
public:
    explicit Plan(const Sandbox& sandbox);
    std::vector<std::string> words() const;

private:
    void add(Mount mount) { mounts_.push_back(std::move(mount)); }
    void sort();
    bool make_room();
    std::optional<Mount> room_for(std::size_t index) const;
    fs::path origin_of(const fs::path& where, std::size_t before) const;

    std::vector<Mount> mounts_;
};

Plan::Plan(const Sandbox& sandbox)
{
    // Sockets of services are reached without a network, too; with one, names are resolved through what is there.
    if (!sandbox.network && ::access("/run", F_OK) == 0) add({"/run", Kind::empty});
    for (const auto& path : sandbox.empty) add({without_links(path), Kind::empty});
    for (const auto& [what, where] : sandbox.read_only)
        add({without_links(where, sandbox.empty), Kind::read_only, what});
    for (const auto& [what, where] : sandbox.writable) add({without_links(where, sandbox.empty), Kind::writable, what});
    do sort();
    while (make_room());
}

void Plan::sort()
{
    std::stable_sort(mounts_.begin(), mounts_.end(),
                     [](const Mount& a, const Mount& b) { return depth_of(a.where) < depth_of(b.where); });
}

/// What is at `where` of the view when the first `before` places have been made, as a path outside; empty: it is in
/// memory, where bwrap makes what is missing, or can be written.
fs::path Plan::origin_of(const fs::path& where, std::size_t before) const
{
    for (std::size_t i = before; i-- > 0;) {
        const Mount& mount = mounts_[i];
        const auto rest = below(where, mount.where);
        if (!rest) continue;
        if (mount.kind == Kind::empty || mount.kind == Kind::writable) return {};
        if (mount.kind == Kind::read_only) return mount.what / *rest;
        return !rest->empty() && is_there(mount.what / *rest->begin()) ? mount.what / *rest : fs::path();
    }
    for (const char* memory : {"/tmp", "/dev", "/proc"})
        if (below(where, memory)) return {};
    return where;
}

std::optional<Mount> Plan::room_for(std::size_t index) const
{
    fs::path where = mounts_[index].where;
    fs::path origin = origin_of(where, index);
    if (origin.empty() || is_there(origin)) return std::nullopt;
    while (!is_there(origin) && where.has_relative_path()) {
        where = where.parent_path();
        origin = origin_of(where, index);
        if (origin.empty()) return std::nullopt;
    }
    if (!where.has_relative_path()) return std::nullopt; // the root directory: bwrap says what is missing
    return Mount{where, Kind::shown_again, origin};
}

bool Plan::make_room()
{
    for (std::size_t i = 0; i < mounts_.size(); ++i)
        if (auto room = room_for(i)) {
            mounts_.insert(mounts_.begin(), *std::move(room)); // before what is as deep
            return true;
        }
    return false;
}

std::vector<std::string> Plan::words() const
{
    std::vector<std::string> words;
    const auto append = [&](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
    for (const Mount& mount : mounts_) {
        const std::string where = mount.where.string();
        // bwrap makes the way to a bind for root alone, unless it is told to make a directory.
        const std::string parent = mount.where.parent_path().string();
        switch (mount.kind) {
        case Kind::empty:
            append({"--tmpfs", where});
            break;
        case Kind::read_only:
            append({"--dir", parent, "--ro-bind", mount.what.string(), where});
            break;
        case Kind::writable:
            append({"--dir", parent, "--bind", mount.what.string(), where});
            break;
        case Kind::shown_again:
            append({"--tmpfs", where});
            for (const fs::path& entry : entries_of(mount.what)) {
                const std::string place = (mount.where / entry.filename()).string();
                std::error_code none; // it is no link
                if (const fs::path text = fs::read_symlink(entry, none); !none)
                    append({"--symlink", text.string(), place});
                else
                    append({"--ro-bind", entry.string(), place});
            }
            break;
        }
    }
    return words;
}

} // namespace

std::vector<std::string> words_for_mounts(const Sandbox& sandbox) { return Plan(sandbox).words(); }

} // namespace dkms
