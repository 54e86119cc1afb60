// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/supervisor_state.h"
#include "lib/plan/plan.h"
#include "lib/process/ancestry.h"

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
        queue_.resume(job.id, std::move(work), caller, job.queued_at);
        taken_up_.insert(job.id);
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

bool Supervisor::Implementation::has_taken_up_jobs() const
{
    return std::any_of(taken_up_.begin(), taken_up_.end(), [this](JobId job) { return !queue_.view(job)->result; });
}

/// For jobs that have been accepted. Where the tree cannot be had, those of an earlier instance wait, and nobody is
/// there who would have to decide about them; without such, each step fails, as whoever asked is there to hear it.
bool Supervisor::Implementation::may_go_on()
{
    if (claim_failed_) return true;
    if (blocked_ && is_pausing_) return false;
    try {
        return may_start();
    } catch (const Error& error) {
        if (has_taken_up_jobs()) {
            wait_for_the_tree(error);
            return false;
        }
        claim_failed_ = error;
        return true;
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
        if (const auto view = queue_.view(job); view && !view->result && waiting_was_told_.insert(job).second) {
            report(job, Event(EventKind::waiting, facts));
            observer_.job_changed(job);
        }
}

std::string Supervisor::Implementation::why_it_waits() const
{
    if (blocked_) return blocked_->message();
    return claim_->waits() ? "It waits for " + claim_->holder() + "." : "";
}

} // namespace dkms
