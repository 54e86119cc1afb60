// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/tree/layout.h"

#include <filesystem>
#include <string>

namespace dkms {

/// The source of a module may be replaced without a new version (add --force, import --force). What was built from the
/// one before is stale then, whatever its record says, and also without a record. That is noted in the build's own
/// directory, so it goes by the rename that puts a new build there.

/// Name of the note in <K>/<A>.
inline constexpr const char* stale_note = ".dkmsd-stale";

/// Notes it, durably. Throws Error TreeNotWritable, DiskFull.
void mark_stale(const Layout& layout, const ModuleId& module, const KernelId& kernel);
/// Takes it back.
void unmark_stale(const Layout& layout, const ModuleId& module, const KernelId& kernel) noexcept;
/// Throws Error ReadFailed when that cannot be told.
bool is_marked_stale(const Layout& layout, const ModuleId& module, const KernelId& kernel);

/// Whether two source trees hold the same: names, kinds, links, contents, and what may be executed. Throws Error
/// ReadFailed.
bool is_same_source(const std::filesystem::path& one, const std::filesystem::path& other);

/// What says that a source may have been changed where it lies: its names, kinds, sizes and times as one number. Throws
/// Error ReadFailed.
std::string stamp_of_source(const std::filesystem::path& source);

} // namespace dkms
