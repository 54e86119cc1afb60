// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/job_plan.h"

#include <string>
#include <vector>

namespace dkms {

/// What a job is about, from its acceptance to its end; what its steps need (Step::resources) they need only while they
/// run. Jobs whose scopes are in each other's way come one after the other, in the order in which they were accepted:
/// see Precedence, and docs/architecture.md, "Resources", for the table.
///
/// Known from the request, and of the kernels of a removal from its steps. Nothing for a request that is about no
/// module yet (load) or about none (generate_key).
std::vector<Resource> scope_of(const JobPlan& plan);

/// Whether what is asked for puts something into the tree; the others give room back, or need none.
bool makes_something(Verb verb);

/// Whether a part of a scope ends when it has been found out what is to be done: then only the jobs that were found to
/// be needed keep others from what they are about.
bool is_for_survey(const Resource& resource);

/// Whether one of them stands in the way of the other.
bool conflict(const std::vector<Resource>& a, const std::vector<Resource>& b);

} // namespace dkms
