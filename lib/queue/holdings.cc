// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/holdings.h"

namespace dkms {

void Holdings::add(const QueuedJob& job)
{
    for (const Resource& resource : job.needs) holders_[resource.name].push_back({job.id, resource.exclusive});
}

std::vector<JobId> Holdings::in_the_way_of(const QueuedJob& job) const
{
    std::vector<JobId> jobs;
    for (const Resource& resource : job.needs) {
        const auto found = holders_.find(resource.name);
        if (found == holders_.end()) continue;
        for (const Holder& holder : found->second)
            if ((holder.exclusive || resource.exclusive) && !table_.is_above(holder.job, job.id))
                jobs.push_back(holder.job);
    }
    return jobs;
}

Holdings held_by_running_steps(const JobTable& table)
{
    Holdings held(table);
    for (const auto& entry : table.running()) held.add(table.at(entry.second));
    return held;
}

} // namespace dkms
