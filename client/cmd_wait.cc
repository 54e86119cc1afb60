// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/follow.h"

namespace dkms {
namespace {

/// Those that were named, else all that have not ended; children end with their parents.
std::vector<JobId> jobs_to_wait_for(Transport& transport, const std::vector<JobId>& named)
{
    for (const JobId job : named) transport.job(job); // that all are known is found out before the first is waited for
    if (!named.empty()) return named;
    std::vector<JobId> found;
    for (const JobView& job : transport.jobs())
        if (job.state != JobState::ended && job.parent == 0) found.push_back(job.id);
    return found;
}

} // namespace

int run_wait(const Invocation& invocation, Console& console)
{
    const auto transport = choose_transport({}, false);
    const std::vector<JobId> jobs = jobs_to_wait_for(*transport, invocation.jobs);
    const auto renderer = make_renderer(console, transport->jobs_outlive_client(), invocation.json, invocation.quiet);
    return follow_jobs(*transport, jobs, *renderer, OnInterrupt::leave);
}

} // namespace dkms
