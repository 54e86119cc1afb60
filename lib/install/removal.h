// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/install/placed.h"
#include "lib/install/transaction.h"
#include "lib/model/event.h"
#include "lib/process/work.h"

#include <string>
#include <vector>

namespace dkms {

/// What taking a version out of a kernel means.
struct Removal {
    std::vector<Event> events;      ///< uninstalling, deleted-file, file-not-found: to be reported once it is done
    std::vector<PlacedModule> lost; ///< those that are missing, or have something else in their place: it is left alone
    std::vector<std::string> modules; ///< absolute paths of what is deleted
};

/// Plans to delete the modules that `module` has installed for `kernel`, and directories that this leaves empty (where
/// packages of the distribution may own them, those right below the kernel's directory stay). Only files that are its
/// own by their content are deleted; what others have put in their place stays. `active`: whether the tree's link named
/// this version. Throws Error ReadFailed.
Removal plan_removal(Transaction& transaction, const Places& places, const ModuleId& module, const KernelId& kernel,
                     bool active);

/// Says which files in the place of those of `module` are left alone.
void report_left_alone(const Work& work, const ModuleId& module, const Removal& removal);

} // namespace dkms
