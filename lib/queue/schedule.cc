// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/schedule.h"

#include "lib/queue/holdings.h"

#include <algorithm>
#include <map>
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

std::vector<Candidate> candidates(const JobTable& table, Queue::Starts starts)
{
    std::vector<Candidate> all;
    for (const JobId id : table.open()) {
        const QueuedJob& job = table.at(id);
        if (table.waiting_step(job) == nullptr && !table.wants_plan(job)) continue;
        const bool is_inside = table.is_inside(id);
        const bool goes_on = job.started && starts == Queue::Starts::begun;
        if (starts != Queue::Starts::all && !goes_on && !is_inside) continue;
        all.push_back({&job, is_inside, table.is_awaited(id)});
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

bool is_build(const QueuedJob& job)
{
    return job.phase == Phase::steps && job.position < job.steps.size() &&
           job.steps.at(job.position).kind == StepKind::build;
}

/// Counts the builds of each outermost job, those not counted that somebody in a step waits for.
class BuildCount {
public:
    BuildCount(const JobTable& table, std::size_t most) : table_(table), most_(most)
    {
        for (const auto& [step, job] : table.running())
            if (is_build(table.at(job)) && counts(job)) ++builds_[table.outermost(job)];
    }

    /// Whether its waiting step can be one more; if it can, it is.
    bool add(const QueuedJob& job)
    {
        if (!is_build(job) || !counts(job.id)) return true;
        std::size_t& builds = builds_[table_.outermost(job.id)];
        if (builds >= most_) return false;
        ++builds;
        return true;
    }

private:
    bool counts(JobId job) const { return !table_.is_inside(job); }

    const JobTable& table_;
    std::size_t most_;
    std::map<JobId, std::size_t> builds_;
};

} // namespace

std::vector<JobId> startable(const JobTable& table, const StartLimits& limits)
{
    std::vector<JobId> chosen;
    Holdings held = held_by_running_steps(table);
    Holdings claimed(table);
    std::size_t used = processes_used(table);
    BuildCount building(table, limits.builds);
    for (const Candidate& one : candidates(table, limits.starts)) {
        if (!one.inside && used >= limits.processes) break;
        const bool bound = !one.inside && !claimed.in_the_way_of(*one.job).empty();
        if (bound || !held.in_the_way_of(*one.job).empty() || !building.add(*one.job)) {
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
