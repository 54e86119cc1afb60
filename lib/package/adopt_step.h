// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Puts what a load step has left in staging (step.staged) where it belongs: the source into <source tree>/M-V, builds
/// into <tree>/M/V/K/A, each by a rename; a configuration without source becomes <tree>/M/V/source. Then it does what
/// the add step does. What is there already stays (reported), unless forced. Events: source-loaded, build-loaded,
/// those of add. Errors: AlreadyAdded, TreeNotWritable, DiskFull, those of add.
std::unique_ptr<Action> make_adopt_step(Work& work);

} // namespace dkms
