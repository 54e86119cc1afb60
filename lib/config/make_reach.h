// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/lint_parts.h"
#include "lib/config/makefile_outline.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// A line of a recipe that runs in a build.
struct ReachedLine {
    std::filesystem::path file;
    unsigned line = 0;
    std::string text;      ///< without what make takes for itself: tab, @, +, -
    bool may_fail = false; ///< make goes on when it fails
};

/// What a build with MAKE reads and runs, as far as it can be followed without running anything: from MAKE into
/// Makefiles, the recipes of the targets that are asked for, the makes that these call, and the kernel's build with its
/// lists. What stands under conditions that do not hold is left out.
struct MakeReach {
    std::vector<MakefileOutline> makefiles; ///< in the order in which they are read, with what they include
    std::vector<ReachedLine> lines;
    bool complete = true;     ///< nothing else is read: every command and file could be followed
    bool makes_files = false; ///< programs run that may make any file: scripts, PRE_BUILD, patches
    bool no_makefile = false; ///< a make, or the kernel's build, is called where there is no Makefile
};
MakeReach make_reach(const LintSubject& subject);

} // namespace dkms
