// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/course.h"

#include "lib/queue/progress.h"
#include "lib/queue/verdict.h"

#include <algorithm>
#include <utility>

namespace dkms {

void Course::enter(const std::vector<JobId>& family)
{
    for (const JobId id : family) prepare_next(table_.at(id));
    for (auto id = family.rbegin(); id != family.rend(); ++id) advance(*id);
}

void Course::start(JobId id)
{
    QueuedJob& job = table_.at(id);
    const Step step = *table_.waiting_step(job);
    const StepId number = next_step_++;
    job.running.emplace();
    job.running->id = number;
    table_.step_started(number, id);
    for (JobId above = id; above != 0; above = table_.at(above).parent) {
        table_.at(above).started = true;
        table_.precedence().begin(above);
    }
    for (JobId shown = id; shown != 0; shown = table_.at(shown).inside ? 0 : table_.at(shown).parent) {
        table_.at(shown).shown_step = step.kind;
        table_.at(shown).stage = Stage::prepare;
    }
    commands_.emplace_back(StartStep{id, number, step, !table_.is_awaited(id)});
    refresh(id);
}

void Course::ask_for_plan(JobId id)
{
    QueuedJob& job = table_.at(id);
    job.asked_for_plan = true;
    table_.precedence().begin(id); // so that nothing that it is about changes until it ends
    commands_.emplace_back(PlanJob{id, job.parent != 0 && !job.inside});
}

void Course::planned(JobId id)
{
    QueuedJob& job = table_.at(id);
    job.planned = true;
    job.asked_for_plan = false;
    prepare_next(job);
    refresh(id);
    advance(id);
}

void Course::finished(StepId step, Outcome outcome, double now)
{
    now_ = now;
    const auto found = table_.running().find(step);
    if (found == table_.running().end()) return;
    QueuedJob& job = table_.at(found->second);
    table_.step_ended(step);
    if (job.running->stop_sent) withdraw_stop(step);
    ask_for_follow_up(job.id, outcome.follow_up);
    if (outcome.usage) job.usage = job.usage + *outcome.usage;
    if (job.phase == Phase::follow_up)
        follow_up_ended(job, std::move(outcome));
    else
        step_ended(job, std::move(outcome));
    job.running.reset();
    prepare_next(job);
    refresh(job.id);
    advance(job.id);
}

bool Course::put_back(StepId step)
{
    const auto found = table_.running().find(step);
    if (found == table_.running().end()) return true;
    QueuedJob& job = table_.at(found->second);
    if (table_.is_inside(job.id) || job.running->stop_wanted) return false;
    if (job.phase == Phase::follow_up && job.follow_up.at(job.follow_up_position).kind == StepKind::adopt) {
        if (!job.children.empty()) return false;
        // What it was to adopt will be cleared away when the tree is had again.
        job.phase = Phase::steps;
        job.position = job.follow_up_position = 0;
        job.follow_up.clear();
        job.verdict.reset();
    }
    table_.step_ended(step);
    job.running.reset();
    prepare_next(job);
    refresh(job.id);
    advance(job.id);
    return true;
}

void Course::progress(StepId step, Stage stage, unsigned percent)
{
    const auto found = table_.running().find(step);
    if (found == table_.running().end()) return;
    QueuedJob& job = table_.at(found->second);
    job.running->percent = std::max(job.running->percent, std::min(percent, 100U));
    if (job.stage != stage)
        for (JobId shown = job.id; shown != 0; shown = table_.at(shown).inside ? 0 : table_.at(shown).parent) {
            table_.at(shown).stage = stage;
            changed(shown);
        }
    refresh(job.id);
}

void Course::set_cancelable(StepId step, bool cancelable)
{
    const auto found = table_.running().find(step);
    if (found == table_.running().end()) return;
    QueuedJob& job = table_.at(found->second);
    job.running->cancelable = cancelable;
    if (cancelable && job.running->stop_wanted) send_stop(job);
    for (JobId id = job.id; id != 0; id = table_.at(id).parent) changed(id);
}

void Course::stop(JobId id, bool force)
{
    QueuedJob& job = table_.at(id);
    if (job.phase == Phase::ended) return;
    if (job.phase == Phase::follow_up) drop_follow_up(job);
    job.stopping = true;
    if (job.running) {
        job.running->stop_wanted = true;
        if (force || job.running->cancelable) send_stop(job);
    }
    changed(id);
    advance(id);
}

void Course::fail_waiting(JobId id, Error error)
{
    QueuedJob& job = table_.at(id);
    job.verdict = Verdict{Result::failed, std::move(error)};
    if (job.phase == Phase::children) stop_children(job);
    advance(id);
}

/// Of a job that has its verdict. The last child to end ends the job on its way.
void Course::stop_children(const QueuedJob& job)
{
    const bool cancelled = !job.verdict->error || job.verdict->error->code() == ErrorCode::cancelled;
    const std::vector<JobId> children = job.children;
    for (const JobId child : children) {
        if (!cancelled) table_.at(child).given_up_for = job.verdict->error;
        stop(child, false);
    }
}

std::vector<QueueCommand> Course::take_commands()
{
    told_changed_.clear();
    return std::exchange(commands_, {});
}

/// What the coming step needs is asked for at every turn of the schedule, so it is worked out once.
void Course::prepare_next(QueuedJob& job)
{
    const auto& steps = job.phase == Phase::follow_up ? job.follow_up : job.steps;
    const std::size_t position = job.phase == Phase::follow_up ? job.follow_up_position : job.position;
    job.needs.clear();
    if (position < steps.size()) job.needs = steps[position].resources(private_builds_);
}

/// Goes on to the next phase as long as nothing is left to do in this one.
void Course::advance(JobId id)
{
    QueuedJob& job = table_.at(id);
    // A step is over when everything that was asked for from inside it is.
    if (job.running || table_.has_open_inside_job(job)) return;
    if (job.phase == Phase::steps) leave_steps(job);
    if (job.phase == Phase::children) leave_children(job);
    if (job.phase == Phase::follow_up && job.follow_up_position >= job.follow_up.size()) end(job);
}

void Course::leave_steps(QueuedJob& job)
{
    const bool complete = job.planned && job.position >= job.steps.size();
    if (!job.verdict && !complete && job.stopping) job.verdict = stopped_verdict(job);
    if (!job.verdict && !complete) return;
    job.phase = Phase::children;
    table_.precedence().surveyed(job.id);
    if (job.verdict) stop_children(job);
}

void Course::leave_children(QueuedJob& job)
{
    if (table_.has_open_child(job)) return;
    if (!job.verdict) job.verdict = verdict_of(table_, job);
    job.phase = Phase::follow_up;
    prepare_next(job);
}

void Course::end(QueuedJob& job)
{
    job.phase = Phase::ended;
    job.needs.clear();
    job.ended_at = now_;
    if (job.verdict->result == Result::done || job.verdict->result == Result::skipped) job.percent = 100;
    table_.closed(job.id);
    commands_.emplace_back(JobEnded{job.id});
    if (job.parent == 0) return;
    refresh(job.parent);
    advance(job.parent);
}

void Course::step_ended(QueuedJob& job, Outcome outcome)
{
    if (outcome.result != Result::skipped) job.all_skipped = false;
    if (ends_job(outcome)) {
        job.verdict = verdict_from(std::move(outcome));
        return;
    }
    ++job.position;
}

void Course::follow_up_ended(QueuedJob& job, Outcome outcome)
{
    ++job.follow_up_position;
    if (outcome.result == Result::failed || outcome.result == Result::cancelled)
        worsen(job, verdict_from(std::move(outcome)));
}

void Course::ask_for_follow_up(JobId id, const std::vector<Step>& steps)
{
    QueuedJob& outermost = table_.at(table_.outermost(id));
    auto& known = outermost.follow_up;
    for (const Step& step : steps) {
        if (std::find(known.begin(), known.end(), step) != known.end()) continue;
        known.push_back(step);
        // Only now is it known which module it is about.
        if (step.kind == StepKind::adopt)
            table_.precedence().enter(table_.entrant(outermost.id), {{"module " + step.module.text(), true}});
    }
    const std::size_t settled =
        outermost.follow_up_position + (outermost.phase == Phase::follow_up && outermost.running);
    std::stable_sort(known.begin() + static_cast<std::ptrdiff_t>(settled), known.end(),
                     [](const Step& a, const Step& b) { return place_at_end(a.kind) < place_at_end(b.kind); });
    if (!outermost.running) prepare_next(outermost);
}

void Course::send_stop(QueuedJob& job)
{
    if (std::exchange(job.running->stop_sent, true)) return;
    commands_.emplace_back(StopStep{job.running->id});
}

/// The owner has not yet been told to stop a step that has ended by now.
void Course::withdraw_stop(StepId step)
{
    std::erase_if(commands_, [step](const QueueCommand& command) {
        const auto* const stop = std::get_if<StopStep>(&command);
        return stop != nullptr && stop->step == step;
    });
}

void Course::drop_follow_up(QueuedJob& job)
{
    const std::size_t kept = job.follow_up_position + (job.running ? 1 : 0);
    if (kept >= job.follow_up.size()) return;
    job.follow_up.resize(kept);
    worsen(job, cancelled_verdict());
}

/// The percentage of a job and of those whose plan it is part of, after something in it has moved.
void Course::refresh(JobId id)
{
    for (; id != 0; id = table_.at(id).inside ? 0 : table_.at(id).parent) {
        QueuedJob& job = table_.at(id);
        if (job.phase != Phase::ended) job.percent = std::max(job.percent, percent_done(table_, job));
        changed(id);
    }
}

void Course::changed(JobId id)
{
    if (table_.at(id).phase == Phase::ended) return;
    if (told_changed_.insert(id).second) commands_.emplace_back(JobChanged{id});
}

} // namespace dkms
