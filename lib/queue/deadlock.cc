// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/holdings.h"
#include "lib/queue/schedule.h"

#include <algorithm>
#include <set>

namespace dkms {
namespace {

/// Finds the running steps that can come to an end if nothing else is ever accepted. A running step is taken to wait
/// for everything that was asked for from inside it.
class Outlook {
public:
    explicit Outlook(const JobTable& table) : table_(table), held_(held_by_running_steps(table))
    {
        for (bool more = true; more;) {
            more = false;
            for (const auto& entry : table_.running())
                if (!can_end(entry.second) && !obstacle(entry.second)) more = ending_.insert(entry.second).second;
        }
    }

    /// A job whose step runs and never ends; nothing if there is none.
    std::optional<JobId> stuck() const
    {
        for (const auto& entry : table_.running())
            if (!can_end(entry.second)) return entry.second;
        return std::nullopt;
    }

    struct Obstacle {
        JobId waiting; ///< job from inside that cannot start; 0: it runs and is itself stuck
        JobId running; ///< the stuck job that it comes down to
    };
    /// Why the step of `running` never ends; nothing if it does.
    std::optional<Obstacle> obstacle(JobId running) const
    {
        for (const JobId inside : table_.at(running).inside_jobs)
            for (const JobId id : table_.family(inside)) {
                const QueuedJob& one = table_.at(id);
                if (one.running && !can_end(id)) return Obstacle{0, id};
                if (table_.waiting_step(one) == nullptr) continue;
                for (const JobId other : held_.in_the_way_of(one))
                    if (!can_end(other)) return Obstacle{id, other};
            }
        return std::nullopt;
    }

private:
    bool can_end(JobId running) const { return ending_.contains(running); }

    const JobTable& table_;
    Holdings held_;
    std::set<JobId> ending_;
};

} // namespace

std::optional<JobId> deadlocked(const JobTable& table)
{
    const bool possible = std::any_of(table.open().begin(), table.open().end(), [&](JobId id) {
        return table.is_inside(id) && table.waiting_step(table.at(id)) != nullptr;
    });
    if (!possible) return std::nullopt;

    const Outlook outlook(table);
    auto running = outlook.stuck();
    if (!running) return std::nullopt;
    // From obstacle to obstacle one comes into the circle, and then once around it.
    std::set<JobId> seen;
    for (; seen.insert(*running).second; running = outlook.obstacle(*running)->running) {
    }
    JobId youngest = 0;
    const JobId first = *running;
    do {
        const auto obstacle = outlook.obstacle(*running);
        youngest = std::max(youngest, obstacle->waiting);
        running = obstacle->running;
    } while (*running != first);
    return youngest;
}

} // namespace dkms
