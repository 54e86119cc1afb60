// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/schedule.h"

#include "lib/queue/holdings.h"

#include <algorithm>
#include <tuple>

namespace dkms {
namespace {

struct Candidate {
    const QueuedJob* job;
    bool inside;
    bool awaited; ///< somebody waits for the result
};

/// Comes before another one.
auto rank(const Candidate& one)
{
    return std::tuple(!one.inside, !one.awaited, !one.job->for_running_kernel, one.job->id);
}

std::vector<Candidate> candidates(const JobTable& table)
{
    std::vector<Candidate> all;
    for (const JobId id : table.open()) {
        const QueuedJob& job = table.at(id);
        if (table.waiting_step(job) == nullptr && !table.wants_plan(job)) continue;
        all.push_back({&job, table.is_inside(id), table.is_awaited(id)});
    }
    std::sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return rank(a) < rank(b); });
    return all;
}

/// Processes that running steps use, those not counted that somebody in a step waits for.
std::size_t processes_used(const JobTable& table)
{
    return static_cast<std::size_t>(std::count_if(table.running().begin(), table.running().end(),
                                                  [&](const auto& entry) { return !table.is_inside(entry.second); }));
}

} // namespace

std::vector<JobId> startable(const JobTable& table, std::size_t processes)
{
    std::vector<JobId> chosen;
    Holdings held = held_by_running_steps(table);
    Holdings claimed(table);
    std::size_t used = processes_used(table);
    for (const Candidate& one : candidates(table)) {
        if (!one.inside && used >= processes) break;
        const bool bound = !one.inside && !claimed.in_the_way_of(*one.job).empty();
        if (bound || !held.in_the_way_of(*one.job).empty()) {
            claimed.add(*one.job);
            continue;
        }
        held.add(*one.job);
        chosen.push_back(one.job->id);
        if (!one.inside) ++used;
    }
    return chosen;
}

} // namespace dkms
