// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/job_table.h"

#include <algorithm>

namespace dkms {

QueuedJob& JobTable::add(QueuedJob job)
{
    const JobId id = job.id;
    open_.insert(id);
    return jobs_.emplace(id, std::move(job)).first->second;
}

QueuedJob* JobTable::find(JobId job)
{
    const auto found = jobs_.find(job);
    return found == jobs_.end() ? nullptr : &found->second;
}

const QueuedJob* JobTable::find(JobId job) const
{
    const auto found = jobs_.find(job);
    return found == jobs_.end() ? nullptr : &found->second;
}

std::vector<JobId> JobTable::ids() const
{
    std::vector<JobId> ids;
    ids.reserve(jobs_.size());
    for (const auto& entry : jobs_) ids.push_back(entry.first);
    return ids;
}

JobId JobTable::outermost(JobId job) const
{
    while (const JobId parent = at(job).parent) job = parent;
    return job;
}

bool JobTable::is_above(JobId ancestor, JobId job) const
{
    for (JobId above = at(job).parent; above != 0; above = at(above).parent)
        if (above == ancestor) return true;
    return false;
}

bool JobTable::is_inside(JobId job) const
{
    for (; job != 0; job = at(job).parent)
        if (at(job).inside) return true;
    return false;
}

std::vector<JobId> JobTable::family(JobId job) const
{
    std::vector<JobId> all{job};
    for (std::size_t i = 0; i < all.size(); ++i) {
        const QueuedJob& one = at(all[i]);
        all.insert(all.end(), one.children.begin(), one.children.end());
        all.insert(all.end(), one.inside_jobs.begin(), one.inside_jobs.end());
    }
    return all;
}

const std::vector<Caller>& JobTable::submitters(JobId job) const
{
    const QueuedJob* one = &at(job);
    while (one->parent != 0 && !one->inside) one = &at(one->parent);
    return one->submitters;
}

bool JobTable::is_awaited_itself(JobId job) const
{
    // A step that waits for what it has asked for waits no more than whoever asked for its own job.
    const auto& callers = at(outermost(job)).submitters;
    return std::any_of(callers.begin(), callers.end(), [](const Caller& caller) { return caller.waiting; });
}

bool JobTable::is_awaited(JobId job) const
{
    for (JobId above = job; above != 0; above = at(above).parent)
        if (precedence_.reaches(above, [this](JobId one) { return is_awaited_itself(one); })) return true;
    return false;
}

bool JobTable::has_open_inside_job(const QueuedJob& job) const
{
    return std::any_of(job.inside_jobs.begin(), job.inside_jobs.end(),
                       [this](JobId one) { return at(one).phase != Phase::ended; });
}

bool JobTable::has_open_child(const QueuedJob& job) const
{
    return std::any_of(job.children.begin(), job.children.end(),
                       [this](JobId one) { return at(one).phase != Phase::ended; });
}

/// Nothing is before it, nor before the jobs whose plan it is a part of.
bool JobTable::may_begin(const QueuedJob& job) const
{
    if (!precedence_.may_begin(job.id)) return false;
    return job.parent == 0 || job.inside || may_begin(at(job.parent));
}

bool JobTable::is_its_turn(const QueuedJob& job) const
{
    const bool part_of_plan = job.parent != 0 && !job.inside;
    if (part_of_plan && at(job.parent).phase != Phase::children) return false;
    return may_begin(job) &&
           std::all_of(job.after.begin(), job.after.end(), [this](JobId one) { return at(one).phase == Phase::ended; });
}

const Step* JobTable::waiting_step(const QueuedJob& job) const
{
    if (job.running || has_open_inside_job(job)) return nullptr;
    if (job.phase == Phase::follow_up) return may_begin(job) ? &job.follow_up.at(job.follow_up_position) : nullptr;
    if (job.phase != Phase::steps || job.asked_for_plan || job.position >= job.steps.size()) return nullptr;
    if (!is_its_turn(job)) return nullptr;
    return &job.steps.at(job.position);
}

bool JobTable::wants_plan(const QueuedJob& job) const
{
    return !job.planned && !job.asked_for_plan && job.phase == Phase::steps && is_its_turn(job);
}

} // namespace dkms
