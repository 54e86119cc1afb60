// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/supervisor_state.h"
#include "lib/plan/plan.h"
#include "lib/process/ancestry.h"
#include "lib/queue/scope.h"

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
    for (JobView& job : journal_->all()) {
        if (!job.unreadable) continue;
        std::cerr << "dkmsd: job " << job.id << ": " << job.error->message() << " It is kept, and not done.\n";
        unreadable_.push_back(std::move(job));
    }
    store().prune(now());
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
    if (job.parent != 0 || job.request.handle) // a descriptor cannot be had again
        return give_up(std::move(job), Error(ErrorCode::interrupted, {{"reason", "dkmsd was restarted"}}));
    try {
        JobPlan work = plan(job.request, facts_of(setup_.places));
        if (store().take_up(job.id) > most_deaths)
            throw Error(ErrorCode::interrupted, {{"reason", "dkmsd has died each time it was tried"}});
        Caller caller;
        caller.uid = job.uid;
        caller.waiting = false; // as far as is known
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
    observer_.job_ended(job.id);
}

bool Supervisor::Implementation::may_start()
{
    if (only_reading_) return true;
    if (!claim_->take()) {
        if (claim_->waits()) blocked_.reset(); // it can be had, in its turn
        return false;
    }
    set_private_builds(claim_->private_builds());
    blocked_.reset();
    pause_ = first_pause;
    return true;
}

bool Supervisor::Implementation::has_open_job(bool that_makes_something) const
{
    for (const JobId job : queue_.jobs())
        if (const auto view = queue_.view(job);
            !view->result && view->parent == 0 && makes_something(view->request.verb) == that_makes_something)
            return true;
    return false;
}

/// For jobs that have been accepted. Where the tree cannot be had, those of the service wait: they were promised.
/// Others end with their client, who is there to hear it: each step fails.
bool Supervisor::Implementation::may_go_on()
{
    if (claim_failed_) return true;
    if (blocked_ && is_pausing_) return false;
    try {
        const bool can_be_changed = may_start();
        if (!can_be_changed || !journal_ || only_reading_ || !running_.empty()) return can_be_changed;
        const auto shortage = has_open_job(true) ? claim_->shortage() : std::nullopt;
        queue_.set_room(!shortage);
        if (!shortage || has_open_job(false)) return true;
        claim_->release();
        wait_for_the_tree(*shortage);
        return false;
    } catch (const Error& error) {
        if (journal_) {
            wait_for_the_tree(error);
            return false;
        }
        claim_failed_ = error;
        return true;
    }
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

void Supervisor::Implementation::wait_for_the_tree(const Error& error)
{
    if (!blocked_ || !(*blocked_ == error)) {
        std::cerr << "dkmsd: jobs wait: " << error.message() << '\n';
        waiting_was_told_.clear();
    }
    blocked_ = error;
    tell_waiting({{"reason", error.message()}});
    try_later();
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

/// Whoever asked was started by the one who has the tree, and who waits for him. (dkmsctl does not ask then.)
void Supervisor::Implementation::fail_what_is_waited_for()
{
    for (const auto& [job, client] : std::exchange(clients_, {}))
        if (is_ancestor(claim_->holder_process(), client))
            queue_.fail(job, Error(ErrorCode::interrupted,
                                   {{"reason", "it was asked for from inside a step of " + claim_->holder() +
                                                   ", for whose end it would wait; only dkmsctl and dkms can be "
                                                   "called there"}}));
}

void Supervisor::Implementation::tell_waiting(const nlohmann::json& facts)
{
    for (const JobId job : queue_.jobs())
        if (const auto view = queue_.view(job); view && !view->result && waiting_was_told_.insert(job).second)
            tell_waiting(job, facts);
}

void Supervisor::Implementation::tell_waiting(JobId job, const nlohmann::json& facts)
{
    report(job, Event(EventKind::waiting, facts));
    observer_.job_changed(job);
}

std::string Supervisor::Implementation::why_it_waits(JobId job) const
{
    for (const auto& [one, why] : unplanned_)
        if (one == job || outermost(one) == job) return why.second.message();
    if (!running_.empty()) return "";
    if (blocked_) return blocked_->message();
    return claim_->waits() ? "It waits for " + claim_->holder() + "." : "";
}

} // namespace dkms
