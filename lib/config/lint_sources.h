// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/kbuild_lists.h"
#include "lib/config/lint_parts.h"

namespace dkms {

/// Looks whether the objects of a module have something to be made from: a source, a blob, or a rule. Says nothing
/// where it cannot know: lists that need make to be read, Makefiles that include what is not there. `given` are the
/// variables that make is given; a list under a condition that is not known is no certain ground.
void lint_sources(const LintSubject& subject, const ListedObject& module, const MakefileVariables& given, Ground ground,
                  Findings& findings);

} // namespace dkms
