// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/lint_parts.h"
#include "lib/config/makefile_outline.h"

namespace dkms {

/// Looks for `uname -r` in a Makefile: the kernel that runs, where the one that is built for is meant. How much it
/// matters depends on MAKE: nothing is said where a variable that MAKE gives stands before every use of it, or the
/// kernel's own build reads the Makefile. `given` are those variables.
void lint_uname(const LintSubject& subject, const MakefileOutline& makefile, const MakefileVariables& given,
                Ground ground, Findings& findings);

} // namespace dkms
