// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <cstdint>
#include <filesystem>
#include <utility>

#include <sys/types.h>

namespace dkms {

/// What becomes of the mode of files; setuid and setgid are never kept.
enum class CopiedModes {
    kept,
    owner_writes, ///< and the new owner may change them, whoever could before
};

/// Copies what is in the directory `from` into the directory `to`, which is made where missing and which only we can
/// reach until this returns. Both are gone through by descriptors: of `from` no link is followed but one that it is
/// itself; in `to` a link gives way to a directory or file. Files keep their times; symbolic links stay links; sockets,
/// pipes and devices are left out. A file that is there already is replaced, a directory is merged. Everything then
/// belongs to `owner` if that is not the caller. Throws Error SourceUnreadable (parameters path, reason), DiskFull,
/// TreeNotWritable.
void copy_tree(const std::filesystem::path& from, const std::filesystem::path& to, std::pair<uid_t, gid_t> owner,
               CopiedModes modes = CopiedModes::kept);

/// The same for an open directory; `shown` is its path, for errors.
void copy_tree(const Descriptor& from, const std::filesystem::path& shown, const std::filesystem::path& to,
               std::pair<uid_t, gid_t> owner, CopiedModes modes = CopiedModes::kept);

/// Copies what is left to read on one descriptor to the other. Returns 0 or the number of the call that failed.
int copy_content(int from, int to);

/// The same, but no more than a little over `most` bytes.
struct CopiedBytes {
    std::uint64_t bytes; ///< more than `most`: there was more
    int failed;          ///< 0, or the number of the call that failed
};
CopiedBytes copy_at_most(int from, int to, std::uint64_t most);

/// Syncs everything in a directory that nobody else can change, and it. Throws Error ReadFailed, TreeNotWritable,
/// DiskFull.
void sync_tree(const std::filesystem::path& directory);

} // namespace dkms
