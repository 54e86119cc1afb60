// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/queue/job_table.h"

namespace dkms {

/// How much of the whole job is done, 0…99 until it has ended. Every kind of step has a weight, a build by far the
/// largest; a part that failed counts as done. May be less than before, when a follow-up step came in between.
unsigned percent_done(const JobTable& table, const QueuedJob& job);

} // namespace dkms
