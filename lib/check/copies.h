// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"
#include "lib/model/problem.h"
#include "lib/model/state.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// The two copies of a module: the one that was built, and the one that was installed for the kernel, if it was.
struct ModuleCopies {
    enum class State {
        right,     ///< the bytes that the build's record has the digest of; of the installed one also what is as built
        missing,   ///< nothing is there
        worthless, ///< an empty file, or one that is not a module: what a crash or a full disk leaves
        other,     ///< anything else
        unknown,   ///< there is no record of the build to compare it with
    };
    std::filesystem::path built;
    State built_state = State::unknown;
    std::filesystem::path installed; ///< where it is, or should be; empty if it is not installed
    State installed_state = State::unknown;
};

/// Of each module of a build that its record, or a link or record of its installation, speaks of. What other modules
/// have replaced in the kernel counts as not installed. Throws Error ReadFailed, SystemFailed.
std::vector<ModuleCopies> copies_of(const Places& places, const ModuleId& module, const KernelStatus& status);

/// What is wrong with them (module-missing, module-differs, build-damaged). It is certain what to do where nothing, or
/// nothing of any worth, is in the place of one copy and the other one is right.
std::vector<Problem> problems_of(const Places& places, const ModuleId& module, const KernelStatus& status);

/// Makes the file problem.path, of one of those kinds, a copy of the right one again. The kernel has to be indexed
/// then, which is noted as work that is left (lib/tree/pending). False when neither copy is right any more. Throws
/// Error: as Transaction, ReadFailed.
bool restore(const Problem& problem, const Places& places);

} // namespace dkms
