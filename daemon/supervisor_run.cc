// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/supervisor_state.h"
#include "lib/process/available_memory.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <thread>

namespace dkms {
namespace {

constexpr auto kept_after_end = std::chrono::seconds(60); // how long an ended job can be asked for as an object

} // namespace

void Supervisor::Implementation::pump_soon()
{
    on_pump_ = loop_.next_turn([this] { pump(); });
}

void Supervisor::Implementation::tell_news()
{
    for (auto& [job, event] : std::exchange(news_, {})) {
        const bool is_new = event.kind == EventKind::job_new;
        report(job, std::move(event));
        if (is_new) observer_.job_new(job);
    }
}

void Supervisor::Implementation::pump()
{
    tell_news();
    queue_.set_now(now());
    const bool may_start = queue_.idle() || may_go_on();
    queue_.set_may_start(may_start);
    queue_.set_starts(tree_is_lost_ ? Queue::Starts::inside : gives_way() ? Queue::Starts::begun : Queue::Starts::all);
    if (may_start && std::exchange(plan_again_, false)) plan_what_waits();
    if (claim_->waits()) fail_what_is_waited_for();
    if (claim_->waits()) tell_waiting({{"holder", claim_->holder()}});
    for (auto commands = queue_.next(); !commands.empty(); commands = queue_.next())
        for (const QueueCommand& command : commands) carry_out(command);
    if (!undecided_.empty()) return;
    if (!queue_.idle()) return rest_between_steps();
    claim_->release();
    has_used_tree_ = tree_is_lost_ = false;
    attempts_.clear();
    clients_.clear();
    claim_failed_.reset();
    blocked_.reset();
    unplanned_.clear();
    if (!shutting_down_) workers_->rest();
    waiting_was_told_.clear();
    jobserver_.reset();
    if (!when_done_) return;
    if (journal_) journal_->try_again();
    std::exchange(when_done_, nullptr)();
}

/// Jobs are left. Others get the tree where they wait for it, or where ours wait for something else.
void Supervisor::Implementation::rest_between_steps()
{
    if (!running_.empty() || claim_->waits() || claim_->is_undecided()) return;
    const bool is_wanted = gives_way();
    if (is_wanted || !unplanned_.empty()) give_tree_away();
    if (is_wanted) pump_soon(); // to stand in line
}

void Supervisor::Implementation::carry_out(const QueueCommand& command)
{
    if (const auto* to_start = std::get_if<StartStep>(&command)) {
        start(*to_start);
    } else if (const auto* to_plan = std::get_if<PlanJob>(&command)) {
        make_final(*to_plan);
    } else if (const auto* to_stop = std::get_if<StopStep>(&command)) {
        if (const auto found = running_.find(to_stop->step); found != running_.end()) found->second.worker->stop();
    } else if (const auto* added = std::get_if<JobAdded>(&command)) {
        announce(added->job);
        try_to_keep(added->job);
        tell_news(); // before what else there is to tell of it
    } else if (const auto* changed = std::get_if<JobChanged>(&command)) {
        observer_.job_changed(changed->job);
    } else {
        job_ended(std::get<JobEnded>(command).job);
    }
}

/// The tree is ours, and nobody else changes what the job is about: what is seen now holds until it ends.
void Supervisor::Implementation::make_final(const PlanJob& command)
{
    try {
        if (claim_failed_) throw Error(*claim_failed_);
        const Request request = queue_.view(command.job)->request;
        const PlanFacts facts = facts_about(command.job);
        auto final = command.is_part ? plan_of_part(request, facts) : plan(request, facts);
        unplanned_.erase(command.job);
        queue_.planned(command.job, std::move(final));
    } catch (const Error& error) {
        if (put_off(command, error)) return;
        unplanned_.erase(command.job);
        queue_.refused(command.job, error);
    }
}

/// Anew whenever no build runs: with the tokens that a killed make took along, and for the memory that there is now.
const Jobserver* Supervisor::Implementation::jobserver()
{
    const bool in_use = std::any_of(running_.begin(), running_.end(),
                                    [](const auto& entry) { return entry.second.step.kind == StepKind::build; });
    if (!jobserver_ || !in_use)
        jobserver_ = Jobserver::create(
            setup_.parallel != 0 ? setup_.parallel
                                 : compilers_at_a_time(std::thread::hardware_concurrency(), available_memory()));
    return &*jobserver_;
}

/// The first step of a job is also the beginning of the jobs it is a part of.
void Supervisor::Implementation::tell_started(JobId job)
{
    while (job != 0 && begun_.insert(job).second) {
        report(job, Event(EventKind::job_started));
        job = queue_.view(job)->parent;
    }
}

void Supervisor::Implementation::start(const StartStep& command)
{
    tell_started(command.job);
    const Step& step = command.what;
    nlohmann::json facts{{"step", name_of(step.kind)}};
    if (!step.kernel.release.empty()) facts["kernel"] = step.kernel.text();
    const JobView job = *queue_.view(command.job);
    const ModuleId& asked = job.request.module; // in a rollback without the version
    if (!asked.name.empty() && asked.version.empty() && !step.module.version.empty())
        facts["version"] = step.module.version;
    report(command.job, Event(EventKind::step_started, std::move(facts)));

    const Descriptor log = journal_ ? store().log_for_writing(command.job) : Descriptor();
    WorkerProcess::Start order{{step, setup_.places, journal_ ? command.job : 0, step.kind == StepKind::build,
                                step.handle, setup_.settings, job.uid, command.background},
                               claim_->descriptor(),
                               nullptr,
                               log.number(),
                               step.handle ? handle_of(command.job) : -1};
    WorkerProcess::Listener listener{[this, id = command.step](const Event& event) { worker_event(id, event); },
                                     [this, id = command.step](const Outcome& outcome) { worker_ended(id, outcome); }};
    try {
        if (claim_failed_) throw Error(*claim_failed_);
        if (step.kind == StepKind::build) order.jobserver = jobserver();
        if (journal_) journal_->step_started(outermost(command.job));
        has_used_tree_ = true;
        auto worker = std::make_unique<WorkerProcess>(loop_, *workers_, order, std::move(listener));
        running_.emplace(command.step, Running{command.job, step, now(), std::move(worker)});
    } catch (const Error& error) {
        if (journal_) journal_->step_ended(outermost(command.job));
        queue_.finished(command.step, {Result::failed, error, {}}, now());
    }
}

JobId Supervisor::Implementation::outermost(JobId job) const
{
    while (const JobId above = queue_.view(job)->parent) job = above;
    return job;
}

void Supervisor::Implementation::worker_event(StepId step, Event event)
{
    const Running& running = running_.at(step);
    if (event.kind == EventKind::stage) {
        const Stage stage = stage_of(event.text("stage")).value_or(Stage::prepare);
        queue_.progress(step, stage, event.facts.value("percent", 0U));
        const bool may_be_cut_off = stage != Stage::install && stage != Stage::depmod;
        queue_.set_cancelable(step, may_be_cut_off);
        running.worker->set_may_be_killed(may_be_cut_off);
    }
    const JobId job = running.job;
    report(job, std::move(event));
    observer_.job_changed(job);
}

void Supervisor::Implementation::worker_ended(StepId step, const Outcome& outcome)
{
    auto ended = running_.extract(step);
    Running& running = ended.mapped();
    nlohmann::json facts{
        {"step", name_of(running.step.kind)}, {"result", name_of(outcome.result)}, {"seconds", now() - running.since}};
    if (!running.step.kernel.release.empty()) facts["kernel"] = running.step.kernel.text();
    if (outcome.usage)
        facts.update({{"cpu_seconds", outcome.usage->cpu_seconds}, {"peak_memory", outcome.usage->peak_memory}});
    report(running.job, Event(EventKind::step_ended, std::move(facts)));
    if (journal_) journal_->step_ended(outermost(running.job));
    if (jobserver_) jobserver_->take_out_surplus();
    workers_->recover(running.worker->pid()); // one that was killed has put nothing in order
    if (lost_the_tree(running, outcome) && queue_.put_back(step))
        tree_is_lost_ = true;
    else
        queue_.finished(step, outcome, now());
    ended_workers_.push_back(std::move(running.worker)); // it is in the middle of telling us
    on_reap_ = loop_.next_turn([this] { ended_workers_.clear(); });
    observer_.tree_changed();
    pump_soon();
}

/// Whether a part of it has not been tried.
bool Supervisor::Implementation::is_cut_off(JobId job) const
{
    const auto children = queue_.children(job);
    return queue_.view(job)->result == Result::cancelled ||
           std::any_of(children.begin(), children.end(), [this](JobId child) { return is_cut_off(child); });
}

void Supervisor::Implementation::job_ended(JobId job)
{
    const JobView view = *queue_.view(job);
    begun_.erase(job);
    // What a shutdown cuts off has not ended: the next instance takes it up again, and who follows it waits for that.
    if (journal_ && shutting_down_ && is_cut_off(job) && not_wanted_.count(outermost(job)) == 0) return;
    if (journal_ && !journal_->ended(view))
        report(job,
               Event(EventKind::warning, {{"name", "ResultNotKept"},
                                          {"parameters", {{"job", std::to_string(job)}}},
                                          {"message", "The result of job " + std::to_string(job) +
                                                          " could not be written to disk. dkmsd tries that again."}}));
    report(job, Event(EventKind::job_ended, {{"view", to_json(view)}}));
    told_ended_.insert(job);
    observer_.job_ended(job);
    drop_handle(job);
    if (view.parent != 0) return; // it goes with its parent
    forget_[job] = loop_.after(kept_after_end, [this, job] {
        queue_.forget(job);
        std::erase_if(told_ended_, [this](JobId one) { return !queue_.view(one); });
        not_wanted_.erase(job);
        if (journal_) store().prune(now());
        forget_.erase(job);
    });
}

/// To the job's own record and to those of the jobs it is a part of; who follows a job over several kernels reads one
/// stream.
void Supervisor::Implementation::report(JobId job, Event event)
{
    event.job = job;
    if (journal_)
        for (JobId whole = job; whole != 0;) {
            store().append(whole, event);
            const auto view = queue_.view(whole);
            whole = view ? view->parent : 0;
        }
    observer_.event(event);
}

} // namespace dkms
