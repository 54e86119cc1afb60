// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Finds out what makes the step's kernel complete (needs_of), or what it lacks of what the kernel `template_kernel`
/// has, and asks for a job for each module: build and install, without what concerns the whole kernel, which is asked
/// for once. One that depends on others (BUILD_DEPENDS) waits for theirs. What cannot be looked at is a job as well,
/// which will say why. Modules that are broken are left out with a warning; those that depend on what is not in the
/// tree at all are deferred. Reports surveyed, stale, deferred, autoinstall-disabled. Skipped when there is nothing to
/// do. Changes nothing.
std::unique_ptr<Action> make_survey_step(Work& work);

/// Finds out what is to be taken away before a kernel is installed over itself: the builds of modules that will be
/// installed by themselves again. Asks for a job for each.
std::unique_ptr<Action> make_preinst_survey_step(Work& work);

} // namespace dkms
