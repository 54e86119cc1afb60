// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/queue/job_table.h"
#include "lib/queue/queue.h"

#include <optional>
#include <vector>

namespace dkms {

struct StartLimits {
    std::size_t processes; ///< steps that may run in all
    std::size_t builds;    ///< builds of one outermost job
    Queue::Starts starts = Queue::Starts::all;
};

/// The jobs whose waiting step can start now, or whose plan can be made final, in the order in which they are to be
/// started; all of them can at the same time.
///
/// Who waits takes its turn by priority, then by number. A step that cannot start claims what it needs, so nobody of
/// lower or equal priority behind it takes that away. Jobs that were asked for from inside a running step come first,
/// are not counted, and are not bound by each other's claims: somebody who holds resources and a process waits for
/// them, and might be the one that a claim waits for.
std::vector<JobId> startable(const JobTable& table, const StartLimits& limits);

/// When running steps wait for jobs that were asked for from inside them, and those for the running steps in a circle:
/// the youngest of those jobs. It has to fail, otherwise none of them ever ends.
std::optional<JobId> deadlocked(const JobTable& table);

} // namespace dkms
