// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/lint_parts.h"
#include "lib/config/makefile_outline.h"

namespace dkms {

/// Looks for commands that need root in the recipes of the Makefile in the source directory, as far as MAKE asks for
/// their targets: what it names, else the first one, and what these need. Recipes for people ("install") are left
/// alone, and so is a Makefile that only the kernel's build reads.
void lint_recipes(const LintSubject& subject, const MakefileOutline& makefile, Findings& findings);

} // namespace dkms
