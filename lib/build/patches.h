// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/build_commands.h"
#include "lib/config/conf.h"

#include <vector>

namespace dkms {

/// The patches of `conf` that are meant for a kernel: those without a PATCH_MATCH and those whose fits, by index.
/// Throws Error ConfInvalid for a bad regular expression.
std::vector<ConfPatch> patches_for(const std::vector<ConfPatch>& patches, const std::string& release);

/// Applies them to the build directory with patch(1), from its directory patches/. All are looked for before the first
/// is applied. Throws Error PatchOutside, PatchMissing, PatchFailed, and as BuildCommands::run.
void apply_patches(BuildCommands& commands, const std::vector<ConfPatch>& patches);

} // namespace dkms
