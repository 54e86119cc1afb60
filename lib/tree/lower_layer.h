// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/tree/layout.h"

#include <filesystem>
#include <optional>

#include <sys/types.h>

namespace dkms {

// In a container or a live system the tree may lie on an overlay file system. A directory that exists in its lower
// layer cannot be renamed there: rename(2) fails with EXDEV, unless the mount has redirect_dir=on.

/// Renames the directory `from` to `to`, which does not exist. One of a lower layer is replaced by a copy of itself in
/// the upper layer first: beside it, complete and synced, before anything of it is deleted. A process that is killed
/// meanwhile leaves a note, from which finish_lifts() restores the directory. Returns 0, or the errno of rename(2);
/// EXDEV then means another file system. Throws Error SourceUnreadable, TreeNotWritable, DiskFull, LeftoversRemain: the
/// directory could not be copied or replaced.
int move_directory(const Layout& layout, const std::filesystem::path& from, const std::filesystem::path& to);

/// The same for two names that change places (RENAME_EXCHANGE), where `target` may be of a lower layer. Where the file
/// system cannot exchange names, there is a moment without `target`.
int exchange_names(const Layout& layout, const std::filesystem::path& fresh, const std::filesystem::path& target);

/// Finishes what killed processes have begun: every directory is complete again afterwards. For who has just taken the
/// tree's lock; with a process, only what that one has begun, which has ended. Throws Error ReadFailed,
/// TreeNotWritable, LeftoversRemain.
void finish_lifts(const Layout& layout, std::optional<pid_t> process = {});

} // namespace dkms
