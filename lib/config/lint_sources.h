// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/kbuild_lists.h"
#include "lib/config/lint_parts.h"

namespace dkms {

/// Looks whether the objects of a module have something to be made from: a source, a blob, or a rule. Says nothing
/// where it cannot know: lists that need make to be read, Makefiles that include others. `given` are the variables that
/// make is given.
void lint_sources(const LintSubject& subject, const ListedObject& module, const MakefileVariables& given,
                  Findings& findings);

} // namespace dkms
