// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/used_space.h"

#include "lib/process/descriptor.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

namespace dkms {
namespace {

constexpr std::uint64_t least_of_a_file = 4096;
constexpr int for_directories = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

std::uint64_t space_of(const struct stat& status)
{
    return std::max(static_cast<std::uint64_t>(status.st_blocks) * 512, least_of_a_file);
}

struct Close {
    void operator()(DIR* stream) const { ::closedir(stream); }
};

using Identity = std::pair<dev_t, ino_t>;

std::optional<Identity> identity_of(const Descriptor& directory)
{
    struct stat status {};
    if (!directory || ::fstat(directory.number(), &status) < 0) return std::nullopt;
    return Identity{status.st_dev, status.st_ino};
}

/// A directory on the way from the top to where we are, and what in it has not been entered yet.
struct Level {
    Identity identity;
    std::vector<std::string> left;
};

/// Adds up what is in an open directory; the names of directories in it go to `level`.
std::uint64_t count(const Descriptor& directory, Level& level, std::uint64_t most)
{
    std::uint64_t bytes = 0;
    Descriptor again(::openat(directory.number(), ".", for_directories));
    const std::unique_ptr<DIR, Close> stream(again ? ::fdopendir(again.number()) : nullptr);
    if (!stream) return 0;
    again.release(); // the stream's now
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string name = entry->d_name;
        struct stat status {};
        if (name == "." || name == ".." ||
            ::fstatat(directory.number(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (status.st_dev != level.identity.first) continue;
        bytes += space_of(status);
        if (S_ISDIR(status.st_mode)) level.left.push_back(name);
        if (bytes > most) break;
    }
    return bytes;
}

/// What is mapped and nowhere else to be found, as one sees it who may not look behind it: how far files reach that the
/// kernel says are deleted. Adds to `seen` what it counts.
std::uint64_t deleted_in_maps(pid_t process, dev_t device, std::set<ino_t>& seen)
{
    std::ifstream maps("/proc/" + std::to_string(process) + "/maps");
    std::map<ino_t, std::uint64_t> reach;
    for (std::string line; std::getline(maps, line);) {
        if (!line.ends_with(" (deleted)")) continue;
        std::uint64_t from = 0;
        std::uint64_t to = 0;
        std::uint64_t offset = 0;
        std::uint64_t inode = 0;
        unsigned major = 0;
        unsigned minor = 0;
        if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %x:%x %" SCNu64, &from, &to, &offset,
                        &major, &minor, &inode) != 6)
            continue;
        if (gnu_dev_makedev(major, minor) == device) reach[inode] = std::max(reach[inode], offset + (to - from));
    }
    std::uint64_t bytes = 0;
    for (const auto& [inode, size] : reach)
        if (seen.insert(inode).second) bytes += size;
    return bytes;
}

} // namespace

std::uint64_t used_space(const std::filesystem::path& directory, std::uint64_t most)
{
    Descriptor here(::open(directory.c_str(), for_directories));
    const auto top = identity_of(here);
    if (!top) return 0;
    std::vector<Level> way{{*top, {}}};
    std::uint64_t bytes = count(here, way.back(), most);
    while (!way.empty() && bytes <= most) {
        if (way.back().left.empty()) {
            // Up again: there is no limit on depth, so no descriptors are kept on the way. Who has moved it meanwhile
            // does not lead us elsewhere.
            way.pop_back();
            if (way.empty()) break;
            here = Descriptor(::openat(here.number(), "..", for_directories));
            if (identity_of(here) != way.back().identity) break;
            continue;
        }
        const std::string name = std::move(way.back().left.back());
        way.back().left.pop_back();
        Descriptor below(::openat(here.number(), name.c_str(), for_directories));
        const auto identity = identity_of(below);
        if (!identity || identity->first != top->first) continue;
        here = std::move(below);
        way.push_back({*identity, {}});
        bytes += count(here, way.back(), most - bytes);
    }
    return bytes;
}

std::uint64_t space_of_deleted_files(const std::filesystem::path& directory, const std::vector<pid_t>& processes)
{
    struct stat place {};
    if (::stat(directory.c_str(), &place) < 0) return 0;
    std::set<ino_t> seen;
    std::uint64_t bytes = 0;
    for (const pid_t process : processes) {
        for (const char* kind : {"/fd", "/map_files"}) {
            std::error_code gone;
            const std::filesystem::path held = "/proc/" + std::to_string(process) + kind;
            for (std::filesystem::directory_iterator entry(held, gone), end; !gone && entry != end;
                 entry.increment(gone)) {
                struct stat status {};
                if (::stat(entry->path().c_str(), &status) < 0 || !S_ISREG(status.st_mode)) continue;
                if (status.st_dev == place.st_dev && status.st_nlink == 0 && seen.insert(status.st_ino).second)
                    bytes += space_of(status);
            }
        }
        bytes += deleted_in_maps(process, place.st_dev, seen);
    }
    return bytes;
}

std::optional<FreeSpace> free_space(const std::filesystem::path& path)
{
    struct statvfs system {};
    if (::statvfs(path.c_str(), &system) < 0) return std::nullopt;
    const std::uint64_t bytes = std::uint64_t{system.f_bavail} * system.f_frsize;
    return FreeSpace{bytes, bytes + std::uint64_t{system.f_favail} * least_of_a_file};
}

} // namespace dkms
