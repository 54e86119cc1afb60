// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/supervisor_state.h"
#include "lib/process/ancestry.h"
#include "lib/queue/scope.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <iostream>
#include <utility>

namespace dkms {
namespace {

constexpr unsigned most_attempts = 3; // at a part of the tree that cannot be written although the rest can

} // namespace

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

/// What has not begun is planned once more when the tree is ours again.
void Supervisor::Implementation::give_tree_away()
{
    claim_->release();
    has_used_tree_ = false;
    queue_.tree_was_given_away();
}

/// Another who waits for the tree gets it when what runs, and the jobs that this belongs to, have come to their end;
/// but not before we have done something with it ourselves.
bool Supervisor::Implementation::gives_way() const { return has_used_tree_ && claim_->is_wanted(); }

/// Whether a step failed because the tree cannot be written any more. Whether that is so is seen when it is taken
/// again: we ourselves may see it as read-only for ever (units). Where it can be written after all, there are parts of
/// it that cannot, which is not worth many attempts.
bool Supervisor::Implementation::lost_the_tree(const Running& running, const Outcome& outcome)
{
    if (!journal_ || only_reading_ || outcome.result != Result::failed || !outcome.error) return false;
    const Error& error = *outcome.error;
    return error.code() == ErrorCode::tree_not_writable && error.parameter("errno") == std::to_string(EROFS) &&
           error.parameter("path").starts_with(setup_.places.dkms_tree.string() + "/") &&
           ++attempts_[outermost(running.job)] < most_attempts;
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
    if (tree_is_lost_ && !running_.empty()) return true; // see pump()
    if (std::exchange(tree_is_lost_, false)) give_tree_away();
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
