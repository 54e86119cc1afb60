// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/job_plan.h"
#include "lib/process/work.h"

#include <string>
#include <vector>

namespace dkms {

/// Jobs that delete builds of older versions than the step's for its kernel, where there are more built versions than
/// the administrator's `keep-versions` lets stay (dkms-policy.conf(5)): the oldest ones. `previous`, the version that a
/// rollback would go to, stays. A line that cannot be understood is reported and says nothing. Throws Error ReadFailed.
std::vector<JobPlan> superfluous_builds(const Work& work, const std::string& previous);

} // namespace dkms
