// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/supervisor_state.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>

namespace dkms {
namespace {

constexpr unsigned most_deaths = 3; // in steps of a job, which may be what ends us
constexpr auto longest_pause = std::chrono::seconds(30);

/// Whether it is the machine's state, which passes, and not the request, that keeps a job from being planned.
bool is_of_the_environment(const Error& error)
{
    switch (error.code()) {
    case ErrorCode::read_failed:
    case ErrorCode::tree_not_writable:
    case ErrorCode::disk_full:
    case ErrorCode::unit_failed:
    case ErrorCode::internal:
        return true;
    default:
        return false;
    }
}

} // namespace

void Supervisor::Implementation::resume()
{
    if (!journal_ || store().fault()) return;
    set_private_builds(workers_->private_builds());
    left_ = journal_->unfinished();
    const auto set_aside = [this](std::vector<JobView> jobs) {
        for (JobView& job : jobs) {
            if (!job.unreadable) continue;
            std::cerr << "dkmsd: job " << job.id << ": " << job.error->message() << " It is kept, and not done.\n";
            unreadable_.push_back(std::move(job));
        }
    };
    set_aside(journal_->all());
    set_aside(left_); // whose end may have been told
    std::erase_if(left_, [](const JobView& job) { return job.unreadable; });
    store().prune(now());
    kept_handles_->drop_others(left_);
    take_up_what_is_left();
    pump_soon();
}

void Supervisor::Implementation::take_up_what_is_left()
{
    for (JobView& job : std::exchange(left_, {})) take_up(std::move(job));
    if (!left_.empty()) try_later();
}

void Supervisor::Implementation::take_up(JobView job)
{
    // A part of a job over several kernels: the whole is planned anew, with new parts.
    if (job.parent != 0 || !has_handle(job))
        return give_up(std::move(job), Error(ErrorCode::interrupted, {{"reason", "dkmsd was restarted"}}));
    try {
        JobPlan work = plan(job.request, facts_about(job.id));
        if (store().take_up(job.id) > most_deaths)
            throw Error(ErrorCode::interrupted, {{"reason", "dkmsd has died each time it was tried"}});
        Caller caller;
        caller.uid = job.uid;
        caller.waiting = store().was_awaited(job.id); // whoever does attaches to it again
        queue_.resume(job.id, std::move(work), caller, job.queued_at, true);
        announce(job.id);
        try_to_keep(job.id);
    } catch (const Error& error) {
        if (!is_of_the_environment(error)) return give_up(std::move(job), error);
        if (job.waits_for != error.message())
            std::cerr << "dkmsd: job " << job.id << " waits: " << error.message() << '\n';
        job.waits_for = error.message();
        left_.push_back(std::move(job));
    }
}

/// Whether what lies beside its request, if anything does, could be had again.
bool Supervisor::Implementation::has_handle(const JobView& job)
{
    if (!job.request.handle || handles_.count(job.id) != 0) return true;
    Descriptor handle = kept_handles_->take(job.id);
    if (!handle) return false;
    try {
        kept_handles_->keep(job.id, handle);
    } catch (const Error&) {
        // What was written down before is still there.
    }
    handles_.emplace(job.id, std::move(handle));
    return true;
}

void Supervisor::Implementation::drop_handle(JobId job)
{
    if (handles_.erase(job) != 0 && kept_handles_) kept_handles_->drop(job);
}

/// A part of its earlier life had a number of its own.
PlanFacts Supervisor::Implementation::facts_about(JobId job) const
{
    PlanFacts facts = facts_of(setup_.places);
    if (journal_)
        facts.was_its_own = [this, job](JobId one) {
            if (one == job) return true;
            const auto known = store().find(one);
            return known && known->parent == job;
        };
    return facts;
}

void Supervisor::Implementation::give_up(JobView job, const Error& error)
{
    job.state = JobState::ended;
    job.result = error.code() == ErrorCode::cancelled ? Result::cancelled : Result::failed;
    job.error = error;
    job.waits_for.clear();
    job.ended_at = now();
    Event ended(EventKind::job_ended, {{"view", to_json(job)}});
    ended.job = job.id;
    store().append(job.id, ended); // for who follows it
    journal_->ended(job);
    drop_handle(job.id);
    observer_.job_ended(job.id);
}

/// A job that was accepted, and cannot be planned now for what is no fault of its own, waits. Others do not wait for it
/// but where they are about the same.
bool Supervisor::Implementation::put_off(const PlanJob& command, const Error& error)
{
    if (!journal_ || claim_failed_ || error.code() == ErrorCode::internal || !is_of_the_environment(error))
        return false;
    const auto known = unplanned_.find(command.job);
    const bool is_news = known == unplanned_.end() || !(known->second.second == error);
    unplanned_.insert_or_assign(command.job, std::pair(command, error));
    if (is_news) {
        std::cerr << "dkmsd: job " << command.job << " waits: " << error.message() << '\n';
        tell_waiting(command.job, {{"reason", error.message()}});
    }
    try_later();
    return true;
}

void Supervisor::Implementation::plan_what_waits()
{
    for (const auto& [job, one] : std::map(unplanned_)) {
        const auto view = queue_.view(job);
        if (view && !view->result)
            make_final(one.first);
        else
            unplanned_.erase(job);
    }
}

void Supervisor::Implementation::try_later()
{
    is_pausing_ = true;
    on_pause_end_ = loop_.after(pause_, [this] {
        pause_ = std::min<std::chrono::seconds>(2 * pause_, longest_pause);
        is_pausing_ = false;
        plan_again_ = true;
        take_up_what_is_left();
        pump_soon();
    });
}

} // namespace dkms
