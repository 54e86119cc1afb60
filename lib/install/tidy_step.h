// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Runs depmod once for a kernel from which modules were taken, after directories below <install tree>/K that are empty
/// have been deleted, and away with notes about modules that were to be built for it. A depmod that fails is a warning:
/// the kernel may be half gone itself. Skipped when there is no index and when the options say no_depmod.
std::unique_ptr<Action> make_tidy_step(Work& work);

} // namespace dkms
