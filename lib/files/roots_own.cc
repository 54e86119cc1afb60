// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/files/roots_own.h"

#include "lib/files/walk.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace dkms {
namespace {

/// Of root's are there files, too, that say what others want: the command line of a process that may not be looked at
/// is one. What a FUSE says about its files is its server's word.
constexpr std::array<unsigned long, 6> no_stores{PROC_SUPER_MAGIC,    SYSFS_MAGIC,   CGROUP_SUPER_MAGIC,
                                                 CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, 0x65735546 /* FUSE */};

bool keeps_files(int handle, const std::string& shown)
{
    struct statfs system {};
    if (::fstatfs(handle, &system) < 0) refuse_read(shown, errno);
    const auto kind = static_cast<unsigned long>(system.f_type) & 0xffffffffUL;
    return std::find(no_stores.begin(), no_stores.end(), kind) == no_stores.end();
}

std::string foreign(const struct stat& facts)
{
    if (facts.st_uid != 0) return "belongs to another user than root";
    if (S_ISLNK(facts.st_mode)) return {};
    if ((facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "can be written by other users than root";
    const mode_t readable = S_ISDIR(facts.st_mode) ? S_IROTH | S_IXOTH : S_IROTH;
    if ((facts.st_mode & readable) != readable) return "cannot be read by every user";
    return {};
}

} // namespace

std::string foreign_part(int handle, const std::string& shown)
{
    struct stat top {};
    if (::fstat(handle, &top) < 0) refuse_read(shown, errno);
    if (!S_ISREG(top.st_mode) && !S_ISDIR(top.st_mode)) return "is neither a file nor a directory";
    if (!keeps_files(handle, shown)) return "lies where no files are kept";
    std::string result = foreign(top);
    if (!result.empty() || !S_ISDIR(top.st_mode)) return result;
    const auto look = [&](const Found& found) {
        result = foreign(found.facts);
        // On an overlay files may have devices of their own, directories do not.
        if (result.empty() && S_ISDIR(found.facts.st_mode) && found.facts.st_dev != top.st_dev)
            result = "is another file system";
        if (result.empty()) return;
        result = "holds " + found.path + ", which " + result;
        throw EnoughSeen();
    };
    walk(handle, look, shown);
    return result;
}

} // namespace dkms
