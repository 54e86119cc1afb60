// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/queue_state.h"

#include "lib/queue/schedule.h"
#include "lib/queue/scope.h"

#include <algorithm>
#include <utility>

namespace dkms {
namespace {

bool concerns_kernel(const JobPlan& plan, const std::string& release)
{
    return std::any_of(plan.steps.begin(), plan.steps.end(),
                       [&](const Step& step) { return step.kernel.release == release; }) ||
           std::any_of(plan.children.begin(), plan.children.end(),
                       [&](const JobPlan& child) { return concerns_kernel(child, release); });
}

} // namespace

/// An accepted job that a request like this one may join.
QueuedJob* Queue::State::twin(const Request& request, JobId inside)
{
    const auto found = latest.find(request.module.name);
    if (found == latest.end()) return nullptr;
    QueuedJob& job = table().at(found->second);
    const bool open = job.phase != Phase::ended && !job.stopping;
    if (request.handle || (request.verb == Verb::autoinstall && job.started)) return nullptr;
    if (table().precedence().is_waited_for(job.id)) return nullptr; // what comes after it may change its result
    return open && job.parent == inside && job.request == request ? &job : nullptr;
}

void Queue::State::check_room(unsigned uid)
{
    std::size_t all = 0;
    std::size_t own = 0;
    for (const JobId id : table().open()) {
        const QueuedJob& job = table().at(id);
        if (job.parent != 0 && !job.inside) continue; // part of a plan
        ++all;
        if (job.uid == uid) ++own;
    }
    if (own >= limits.jobs_per_user)
        throw Error(ErrorCode::limits_exceeded, {{"reason", "user " + std::to_string(uid) + " has " +
                                                                std::to_string(own) + " jobs that have not ended"}});
    if (all >= limits.jobs_in_total) throw full_queue(all);
}

JobId Queue::State::insert(JobId id, JobPlan plan, JobId parent, unsigned uid, double now)
{
    QueuedJob job;
    job.id = id;
    job.parent = parent;
    job.uid = uid;
    job.queued_at = now;
    job.for_running_kernel = concerns_kernel(plan, running_release);
    job.request = std::move(plan.request);
    job.steps = std::move(plan.steps);
    table().add(std::move(job));
    course.ask_for_follow_up(id, plan.at_end);
    insert_children(id, std::move(plan.children), uid, now);
    return id;
}

std::vector<JobId> Queue::State::insert_children(JobId parent, std::vector<JobPlan> plans, unsigned uid, double now)
{
    std::vector<JobId> ids;
    for (JobPlan& plan : plans) {
        std::vector<JobId> after;
        for (const std::size_t position : plan.after)
            if (position < ids.size()) after.push_back(ids[position]);
        ids.push_back(insert(next_job++, std::move(plan), parent, uid, now));
        table().at(ids.back()).after = std::move(after);
    }
    auto& children = table().at(parent).children;
    children.insert(children.end(), ids.begin(), ids.end());
    return ids;
}

/// It stands in its order among those that are about the same.
void Queue::State::take_its_place(JobId id, const std::vector<Resource>& scope)
{
    if (!scope.empty()) table().precedence().enter(table().entrant(id), scope);
}

/// The children of a job are those of its final plan.
void Queue::State::set_children(JobId id, std::vector<JobPlan> plans)
{
    std::vector<JobPlan> more;
    std::vector<JobId> idle = table().at(id).children;
    for (JobPlan& plan : plans) {
        const auto there =
            std::find_if(idle.begin(), idle.end(), [&](JobId one) { return table().at(one).request == plan.request; });
        if (there == idle.end()) {
            more.push_back(std::move(plan));
            continue;
        }
        table().at(*there).steps = std::move(plan.steps);
        course.planned(*there);
        idle.erase(there);
    }
    for (const JobId child : insert_children(id, std::move(more), table().at(id).uid, table().at(id).queued_at)) {
        course.tell_added(child);
        course.enter(table().family(child));
    }
    for (const JobId child : idle) {
        table().at(child).steps.clear();
        course.planned(child);
    }
}

/// A step that came to its end has found these to be needed.
void Queue::State::add_jobs(StepId step, Outcome& outcome, double now)
{
    const auto found = table().running().find(step);
    if (found == table().running().end() || outcome.jobs.empty()) return;
    const JobId parent = found->second;
    if (outcome.result != Result::done || table().at(parent).phase != Phase::steps) return;
    std::vector<std::vector<Resource>> scopes;
    for (const JobPlan& plan : outcome.jobs) scopes.push_back(scope_of(plan));
    std::size_t position = 0;
    for (const JobId job : insert_children(parent, std::move(outcome.jobs), table().at(parent).uid, now)) {
        table().at(job).planned = !table().at(parent).was_provisional;
        take_its_place(job, scopes[position++]);
        course.tell_added(job);
        course.enter(table().family(job));
        if (table().at(parent).stopping) stop_family(job, false);
    }
}

/// Somebody whose last interest is gone, or who cancels, does not want any part of it.
void Queue::State::stop_family(JobId job, bool force)
{
    settled = false;
    for (const JobId id : table().family(job)) course.stop(id, force);
}

void Queue::State::start_what_can()
{
    while (may_start) {
        for (const JobId id : startable(table(), {std::max<std::size_t>(1, limits.running_steps),
                                                  std::max<std::size_t>(1, limits.builds_of_a_job), starts})) {
            if (!has_room && makes_something(table().at(table().outermost(id)).request.verb)) continue;
            table().at(id).planned ? course.start(id) : course.ask_for_plan(id);
        }
        const auto victim = deadlocked(table());
        if (!victim) return;
        course.fail_waiting(*victim,
                            Error(ErrorCode::interrupted,
                                  {{"reason", "it and the job that asked for it wait for jobs that wait for them"}}));
    }
}

/// Others may change the tree now. What has not begun is planned once more; what has goes on.
void Queue::State::doubt_plans()
{
    for (const JobId id : table().open()) {
        QueuedJob& job = table().at(id);
        const bool is_provisional = job.was_provisional || table().at(table().outermost(id)).was_provisional;
        if (is_provisional && job.planned && !job.started && job.phase == Phase::steps) job.planned = false;
    }
}

} // namespace dkms
