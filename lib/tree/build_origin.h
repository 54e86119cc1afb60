// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/tree/layout.h"

#include <filesystem>
#include <string>

namespace dkms {

/// Name of the note in <K>/<A> of a build that was not made here but came in an archive. It is in the build's own
/// directory, so it goes by the rename that puts a new build there.
inline constexpr const char* archive_note = ".imported";

/// Notes it in a build's directory, durably. Throws Error TreeNotWritable, DiskFull.
void note_archive(const std::filesystem::path& build);

/// Where a build came from: "archive"; "built", on this machine; empty where that is not known, as of builds of the old
/// program. Throws Error ReadFailed.
std::string origin_of_build(const Layout& layout, const ModuleId& module, const KernelId& kernel);

} // namespace dkms
