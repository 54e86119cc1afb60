// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Looks through the trees for what contradicts itself or was left over, and reports each problem (event `problem`).
/// With the option `repair` what is certain is repaired first, and what that has made wrong elsewhere is found in the
/// same run. A problem is no error of the step. Owns the trees (Step::resources).
std::unique_ptr<Action> make_check_step(Work& work);

} // namespace dkms
