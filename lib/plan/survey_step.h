// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Finds out what makes the step's kernel complete: the newest version of each module whose configuration wants to be
/// installed by itself (AUTOINSTALL) and that is not installed for it yet. Asks for a job for each, and lets one that
/// depends on others (BUILD_DEPENDS) wait for theirs. What cannot be looked at is a job as well, which will say why.
/// Modules that are broken are left out with a warning; those that depend on what is not in the tree at all are
/// deferred. Reports surveyed, deferred, autoinstall-disabled. Skipped when there is nothing to do. Changes nothing.
std::unique_ptr<Action> make_survey_step(Work& work);

/// Finds out what is to be taken away before a kernel is installed over itself: the builds of modules that will be
/// installed by themselves again. Asks for a job for each.
std::unique_ptr<Action> make_preinst_survey_step(Work& work);

} // namespace dkms
