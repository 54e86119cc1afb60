// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/lint_parts.h"
#include "lib/config/make_reach.h"

namespace dkms {

/// Looks for what has no place in a build in the lines of recipes that MAKE reaches: what needs root or a key, and what
/// writes into the source.
void lint_recipes(const LintSubject& subject, const MakeReach& reach, Findings& findings);

} // namespace dkms
