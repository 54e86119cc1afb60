// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/job_plan.h"
#include "lib/model/places.h"

#include <vector>

namespace dkms {

/// Modules that were built for `kernel` with another version of `dependency` than the one that is installed now, and
/// want to be built again then (BUILD_DEPENDS_REBUILD: their builds hold <K>/<A>/.dep_NAME with that version): a job
/// for each, which builds it anew and installs it where it is installed.
std::vector<JobPlan> stale_dependents(const Places& places, const ModuleId& dependency, const KernelId& kernel,
                                      const Options& options);

} // namespace dkms
