// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Puts what a load step has left in staging (step.staged) where it belongs, and does what the add step does: the
/// source becomes <source tree>/M-V by one rename, and a new version directory appears with its builds by another. A
/// configuration alone becomes <tree>/M/V/source, unless the source tree has M-V.
///
/// Where something is there already: the new source is merged with it and wins; builds in a version directory that was
/// not added stay (reported). With `force` the new ones take the place of the old ones, also of an added module.
///
/// Events: forcing (what: add), source-loaded, build-loaded, those of add. Errors: Interrupted (what was loaded is
/// gone), AlreadyAdded, SourceUnreadable, TreeNotWritable, DiskFull, those of add.
std::unique_ptr<Action> make_adopt_step(Work& work);

} // namespace dkms
