// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/queue.h"

#include "lib/queue/queue_state.h"
#include "lib/queue/scope.h"

#include <algorithm>
#include <utility>

namespace dkms {
namespace {

bool is_same(const Caller& a, const Caller& b) { return a.uid == b.uid && a.name == b.name; }

JobState state_of(const QueuedJob& job)
{
    if (job.phase == Phase::ended) return JobState::ended;
    return job.started ? JobState::running : JobState::queued;
}

} // namespace

Queue::Queue(QueueLimits limits, JobId first, std::string running_release)
    : state_(std::make_unique<State>(State{limits, first, std::move(running_release), Course(limits.private_builds)}))
{
}

Queue::~Queue() = default;
Queue::Queue(Queue&&) noexcept = default;
Queue& Queue::operator=(Queue&&) noexcept = default;

Queue::Accepted Queue::submit(JobPlan plan, Caller caller, double now, JobId inside, bool provisional)
{
    State& state = *state_;
    state.course.set_now(now);
    if (state.closed) throw Error(ErrorCode::shutting_down);
    QueuedJob* const asking = inside == 0 ? nullptr : state.table().find(inside);
    const JobId parent = asking != nullptr && asking->running ? inside : 0;

    if (QueuedJob* const twin = state.twin(plan.request, parent)) {
        if (std::find(twin->submitters.begin(), twin->submitters.end(), caller) == twin->submitters.end())
            twin->submitters.push_back(std::move(caller));
        state.settled = false;
        return {twin->id, true};
    }

    state.check_room(caller.uid);
    const std::string name = plan.request.module.name;
    const auto scope = scope_of(plan);
    if (provisional) plan.at_end.clear(); // the final plan says it
    const JobId id = state.insert(state.next_job++, std::move(plan), parent, caller.uid, now);
    state.latest[name] = id;
    QueuedJob& job = state.table().at(id);
    job.was_provisional = provisional;
    job.planned = !provisional;
    job.submitters.push_back(std::move(caller));
    if (parent != 0) {
        job.inside = true;
        asking->inside_jobs.push_back(id);
    }
    state.take_its_place(id, scope);
    state.course.enter(state.table().family(id));
    if (parent != 0 && asking->running->stop_wanted) state.stop_family(id, false);
    state.settled = false;
    return {id, false};
}

void Queue::resume(JobId id, JobPlan plan, Caller caller, double queued_at, bool provisional)
{
    State& state = *state_;
    const std::string name = plan.request.module.name;
    const auto scope = scope_of(plan);
    if (provisional) plan.at_end.clear();
    state.insert(id, std::move(plan), 0, caller.uid, queued_at);
    state.latest[name] = id;
    QueuedJob& job = state.table().at(id);
    job.was_provisional = provisional;
    job.planned = !provisional;
    job.submitters.push_back(std::move(caller));
    state.take_its_place(id, scope);
    state.course.enter(state.table().family(id));
    state.settled = false;
}

bool Queue::has_conflict(const JobPlan& plan) const
{
    return state_->table().precedence().has_conflict(scope_of(plan));
}

void Queue::planned(JobId id, std::optional<JobPlan> plan)
{
    QueuedJob* const job = state_->table().find(id);
    if (job == nullptr || !job->asked_for_plan || job->phase != Phase::steps) return;
    state_->settled = false;
    if (plan) {
        job->steps = std::move(plan->steps);
        state_->course.ask_for_follow_up(id, plan->at_end);
        state_->set_children(id, std::move(plan->children));
    }
    state_->course.planned(id);
}

void Queue::refused(JobId id, Error error)
{
    const QueuedJob* const job = state_->table().find(id);
    if (job == nullptr || !job->asked_for_plan || job->phase != Phase::steps) return;
    state_->settled = false;
    state_->course.fail_waiting(id, std::move(error));
}

void Queue::set_private_builds(bool private_builds) { state_->course.set_private_builds(private_builds); }

void Queue::set_may_start(bool may_start)
{
    if (may_start && !state_->may_start) state_->settled = false;
    state_->may_start = may_start;
}

void Queue::set_now(double now) { state_->course.set_now(now); }

void Queue::set_room(bool has_room)
{
    if (has_room && !state_->has_room) state_->settled = false;
    state_->has_room = has_room;
}

void Queue::set_starts(Starts starts)
{
    if (std::exchange(state_->starts, starts) != starts) state_->settled = false;
}

void Queue::tree_was_given_away() { state_->doubt_plans(); }

std::vector<QueueCommand> Queue::next()
{
    if (!std::exchange(state_->settled, true)) state_->start_what_can();
    return state_->course.take_commands();
}

void Queue::finished(StepId step, Outcome outcome, double now)
{
    state_->settled = false;
    state_->course.set_now(now);
    state_->add_jobs(step, outcome, now);
    state_->course.finished(step, std::move(outcome), now);
}

bool Queue::put_back(StepId step)
{
    state_->settled = false;
    return state_->course.put_back(step);
}

void Queue::progress(StepId step, Stage stage, unsigned percent) { state_->course.progress(step, stage, percent); }

void Queue::set_cancelable(StepId step, bool cancelable) { state_->course.set_cancelable(step, cancelable); }

void Queue::leave(JobId id, const Caller& caller)
{
    QueuedJob* const job = state_->table().find(id);
    if (job == nullptr || job->phase == Phase::ended) return;
    const auto gone = std::erase_if(job->submitters, [&](const Caller& one) { return is_same(one, caller); });
    if (gone == 0) return;
    state_->settled = false;
    // What is left to do at the end belongs to changes that have been made.
    if (job->submitters.empty() && job->phase != Phase::follow_up) state_->stop_family(id, false);
}

void Queue::cancel(JobId id, bool force)
{
    const JobTable& table = state_->table();
    const QueuedJob* const job = table.find(id);
    if (job == nullptr) throw Error(ErrorCode::no_such_job, {{"job", std::to_string(id)}});
    if (job->phase == Phase::ended) return;
    for (const JobId one : table.family(id)) {
        const QueuedJob& part = table.at(one);
        if (!force && part.running && !part.running->cancelable)
            throw Error(ErrorCode::not_cancelable,
                        {{"job", std::to_string(id)},
                         {"reason", "in the middle of its " + std::string(name_of(*part.shown_step)) + " step"}});
    }
    state_->stop_family(id, force);
}

void Queue::fail(JobId id, Error error)
{
    const QueuedJob* const job = state_->table().find(id);
    if (job == nullptr || job->started || (job->phase != Phase::steps && job->phase != Phase::children)) return;
    state_->settled = false;
    state_->course.fail_waiting(id, std::move(error));
}

void Queue::close()
{
    state_->closed = true;
    state_->settled = false;
    const auto open = state_->table().open();
    for (const JobId id : open)
        if (!state_->table().at(id).started) state_->course.stop(id, false);
}

std::optional<JobView> Queue::view(JobId id) const
{
    const JobTable& table = state_->table();
    const QueuedJob* const job = table.find(id);
    if (job == nullptr) return std::nullopt;
    JobView view;
    view.id = job->id;
    view.parent = job->parent;
    view.request = job->request;
    view.uid = job->uid;
    view.state = state_of(*job);
    view.step = job->shown_step;
    view.stage = job->stage;
    view.percent = job->percent;
    const auto family = table.family(id);
    view.cancelable = job->phase != Phase::ended && std::all_of(family.begin(), family.end(), [&](JobId one) {
                          const auto& running = table.at(one).running;
                          return !running || running->cancelable;
                      });
    view.queued_at = job->queued_at;
    view.ended_at = job->ended_at;
    for (const JobId one : family) view.usage = view.usage + table.at(one).usage;
    if (job->phase == Phase::ended) {
        view.result = job->verdict->result;
        view.error = job->verdict->error;
    }
    return view;
}

const std::vector<Caller>* Queue::submitters(JobId job) const
{
    const JobTable& table = state_->table();
    return table.find(job) == nullptr ? nullptr : &table.submitters(job);
}

std::vector<JobId> Queue::children(JobId id) const
{
    const QueuedJob* const job = state_->table().find(id);
    if (job == nullptr) return {};
    std::vector<JobId> all = job->children;
    all.insert(all.end(), job->inside_jobs.begin(), job->inside_jobs.end());
    return all;
}

std::vector<JobId> Queue::jobs() const { return state_->table().ids(); }

void Queue::forget(JobId id)
{
    JobTable& table = state_->table();
    const QueuedJob* const job = table.find(id);
    if (job == nullptr || job->parent != 0 || job->phase != Phase::ended) return;
    for (const JobId one : table.family(id)) {
        const auto latest = state_->latest.find(table.at(one).request.module.name);
        if (latest != state_->latest.end() && latest->second == one) state_->latest.erase(latest);
        table.erase(one);
    }
}

bool Queue::idle() const { return state_->table().open().empty(); }

std::size_t Queue::running() const { return state_->table().running().size(); }

std::size_t Queue::waiting() const
{
    const JobTable& table = state_->table();
    return static_cast<std::size_t>(
        std::count_if(table.open().begin(), table.open().end(), [&](JobId id) { return !table.at(id).started; }));
}

} // namespace dkms
