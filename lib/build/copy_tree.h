// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <utility>

#include <sys/types.h>

namespace dkms {

/// Copies what is in the directory `from` into the directory `to`, which is made where missing. Files keep their mode
/// (but for setuid and setgid) and time; symbolic links stay links; sockets, pipes and devices are left out. A file
/// that is there already is replaced, a directory is merged. Everything then belongs to `owner` if that is not the
/// caller. Throws Error SourceUnreadable (parameters path, reason), DiskFull, TreeNotWritable.
void copy_tree(const std::filesystem::path& from, const std::filesystem::path& to, std::pair<uid_t, gid_t> owner);

/// Copies what is left to read on one descriptor to the other. Returns 0 or the number of the call that failed.
int copy_content(int from, int to);

} // namespace dkms
