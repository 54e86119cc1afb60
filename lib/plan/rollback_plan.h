// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/plan/plan.h"

#include <functional>
#include <vector>

namespace dkms {

/// The steps that have the version of a request installed for the kernel.
using StepsOfVersion = std::function<std::vector<Step>(const Request& request, const KernelId& kernel)>;

/// The plan of a rollback: each kernel goes back to the version that was installed for it before the present one, which
/// may be another one for each. Throws Error NoSuchModule; NoEarlierVersion where none is installed, none was before,
/// or that one has left the tree; and what `steps` throws.
JobPlan rollback_plan(const Request& request, const PlanFacts& facts, const StepsOfVersion& steps);

} // namespace dkms
