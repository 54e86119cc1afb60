// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/supervisor.h"

#include "daemon/job_store.h"
#include "daemon/worker_process.h"
#include "lib/plan/plan.h"
#include "lib/process/available_memory.h"
#include "lib/queue/queue.h"
#include "lib/tree/lock.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <set>
#include <thread>

namespace dkms {
namespace {

constexpr auto kept_after_end = std::chrono::seconds(60); // how long an ended job can be asked for as an object
constexpr unsigned most_resumptions = 3;                  // of a job that may be what ends us

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// Only privileged users make jobs, and whoever installs packages is not to fail for having many: what there is of
/// memory for all of them is the limit of each.
QueueLimits limits()
{
    QueueLimits limits;
    limits.jobs_in_total = 2048;
    limits.jobs_per_user = limits.jobs_in_total;
    return limits;
}

bool is_empty(const JobPlan& plan) { return plan.steps.empty() && plan.children.empty() && plan.at_end.empty(); }

/// Whether a plan leaves the tree as it is: an archive is written to a descriptor of the caller's.
bool only_reads(const JobPlan& plan)
{
    return plan.children.empty() && !plan.steps.empty() &&
           std::all_of(plan.steps.begin(), plan.steps.end(), [](const Step& step) {
               return step.handle && step.kind != StepKind::load && step.kind != StepKind::adopt;
           });
}

} // namespace

class Supervisor::Implementation {
public:
    Implementation(Loop& loop, Setup setup, Observer& observer)
        : loop_(loop), observer_(observer), setup_(std::move(setup)),
          workers_(setup_.workers(loop, [this] { observer_.outdated(); })),
          claim_(workers_->claim(setup_.mode,
                                 [this] {
                                     waiting_was_told_.clear();
                                     pump();
                                 })),
          store_(setup_.job_directory.empty() ? std::optional<JobStore>() : JobStore(setup_.job_directory)),
          queue_(limits(), store_ ? store_->next_id() : 1, running_release())
    {
    }

    Accepted submit(const Request& request, const Caller& caller, int client_pid, Descriptor handle);
    void resume();
    void cancel(JobId job, bool force);
    void leave(JobId job, const Caller& caller);
    std::optional<JobView> view(JobId job) const;
    std::optional<JobView> present_view(JobId job) const;
    std::vector<JobView> jobs() const;
    const JobStore& store() const;
    void shut_down(std::function<void()> done);
    bool idle() const { return queue_.idle(); }
    const Places& places() const { return setup_.places; }
    Workers& workers() const { return *workers_; }

private:
    struct Running {
        JobId job;
        Step step;
        double since;
        std::unique_ptr<WorkerProcess> worker;
    };

    void set_private_builds(std::optional<bool> known);
    void keep(JobId job);
    void try_to_keep(JobId job);
    void announce(JobId job, bool inside = false);
    bool is_cut_off(JobId job) const;
    int handle_of(JobId job) const;
    JobId job_of_process(int pid) const;
    void tell_news();
    void pump_soon();
    void pump();
    bool may_start();
    bool may_become_work(const JobPlan& empty);
    bool may_go_on();
    void tell_who_waits();
    void carry_out(const QueueCommand& command);
    void make_final(const PlanJob& command);
    void tell_started(JobId job);
    void start(const StartStep& command);
    void worker_event(StepId step, Event event);
    void worker_ended(StepId step, const Outcome& outcome);
    void job_ended(JobId job);
    void report(JobId job, Event event);
    const Jobserver* jobserver();

    Loop& loop_;
    Observer& observer_;
    Setup setup_;
    std::unique_ptr<Workers> workers_;
    std::unique_ptr<TreeClaim> claim_;
    std::optional<Error> claim_failed_; ///< what steps fail with until the queue is idle
    std::optional<JobStore> store_;
    Queue queue_;
    bool queue_is_prepared_ = false;
    std::set<JobId> waiting_was_told_;
    bool only_reading_ = false; ///< no job changes the tree
    std::optional<Jobserver> jobserver_;
    std::vector<std::pair<JobId, Event>> news_;
    std::map<StepId, Running> running_;
    std::set<JobId> begun_;
    std::set<JobId> told_ended_;          ///< and not forgotten yet
    std::map<JobId, Descriptor> handles_; ///< of outermost jobs
    std::map<JobId, Source> forget_;
    Source on_pump_;
    Source on_reap_;
    std::vector<std::unique_ptr<WorkerProcess>> ended_workers_;
    std::function<void()> when_done_;
    bool shutting_down_ = false;
};

/// Whether builds can be kept apart is found out by trying, which costs a process: not before there is work.
void Supervisor::Implementation::set_private_builds(std::optional<bool> known)
{
    if (known && !std::exchange(queue_is_prepared_, true)) queue_.set_private_builds(*known);
}

Supervisor::Accepted Supervisor::Implementation::submit(const Request& request, const Caller& caller, int client_pid,
                                                        Descriptor handle)
{
    JobPlan work = plan(request, facts_of(setup_.places));
    const JobId inside = job_of_process(client_pid);
    if (!work.steps.empty()) workers_->expect(work.steps.front());
    const bool is_final = is_empty(work) && !may_become_work(work);
    if (!is_final) only_reading_ = (queue_.idle() || only_reading_) && only_reads(work);
    if (!is_empty(work)) {
        if (!queue_is_prepared_) set_private_builds(workers_->private_builds());
        may_start(); // a tree that cannot be written is an error of the request
    }
    pump_soon(); // gives the lock back if the request is refused
    const auto [job, joined] = queue_.submit(std::move(work), caller, now(), inside, !is_final);
    if (handle) handles_[job] = std::move(handle);
    if (joined) {
        news_.emplace_back(job, Event(EventKind::job_joined, {{"uid", caller.uid}}));
        return {job, joined};
    }
    announce(job, inside != 0);
    try {
        keep(job);
    } catch (const Error&) {
        queue_.cancel(job, true);
        throw;
    }
    return {job, joined};
}

/// Whether a request for which there is nothing to do is to be looked at again when it begins: something that it is
/// about may be under way, here or by a dkmsd that has the lock. An autoinstall takes no lock to find that out; and
/// what this dkmsd may not change stays as it is.
bool Supervisor::Implementation::may_become_work(const JobPlan& empty)
{
    if (queue_.has_conflict(empty)) return true;
    if (empty.request.verb == Verb::autoinstall) return false;
    try {
        may_start();
        return true;
    } catch (const Error&) {
        return false;
    }
}

/// On disk now: whoever is told its number may count on it.
void Supervisor::Implementation::keep(JobId job)
{
    if (!store_) return;
    store_->accept(*queue_.view(job));
    for (const JobId child : queue_.children(job)) keep(child);
}

/// What was not promised to anybody may be done without a promise.
void Supervisor::Implementation::try_to_keep(JobId job)
{
    try {
        keep(job);
    } catch (const Error&) {
        return;
    }
}

/// Told in the loop's next turn, so that whoever asked gets the answer before the news.
void Supervisor::Implementation::announce(JobId job, bool inside)
{
    const JobView view = *queue_.view(job);
    nlohmann::json facts{{"request", to_json(view.request)}, {"uid", view.uid}};
    if (view.parent != 0) facts["parent"] = view.parent;
    if (inside) facts["inside"] = true;
    news_.emplace_back(job, Event(EventKind::job_new, std::move(facts)));
    for (const JobId child : queue_.children(job)) announce(child);
}

void Supervisor::Implementation::resume()
{
    if (!store_) return;
    set_private_builds(workers_->private_builds());
    for (JobView job : store_->unfinished()) {
        Error error(ErrorCode::interrupted, {{"reason", "dkmsd was restarted"}});
        if (job.parent == 0 && !job.request.handle) { // a descriptor cannot be had again
            try {
                if (store_->take_up(job.id) > most_resumptions)
                    throw Error(ErrorCode::interrupted, {{"reason", "dkmsd was restarted each time it was tried"}});
                Caller caller;
                caller.uid = job.uid;
                caller.waiting = false; // as far as is known
                queue_.resume(job.id, plan(job.request, facts_of(setup_.places)), caller, job.queued_at, true);
                announce(job.id);
                try_to_keep(job.id);
                continue;
            } catch (const Error& refused) {
                error = refused;
            }
        }
        // A part of a job over several kernels: the whole is planned anew, with new parts.
        job.state = JobState::ended;
        job.result = Result::failed;
        job.error = error;
        job.ended_at = now();
        Event ended(EventKind::job_ended, {{"view", to_json(job)}});
        ended.job = job.id;
        store_->append(job.id, ended);             // for who follows it
        static_cast<void>(store_->try_ended(job)); // else it comes up again
    }
    pump_soon();
}

/// What lies beside the request that `job` belongs to; -1: nothing.
int Supervisor::Implementation::handle_of(JobId job) const
{
    for (; job != 0; job = queue_.view(job)->parent)
        if (const auto found = handles_.find(job); found != handles_.end()) return found->second.number();
    return -1;
}

JobId Supervisor::Implementation::job_of_process(int pid) const
{
    if (pid <= 0) return 0;
    for (const auto& [step, running] : running_)
        if (running.worker->pid() != 0 && is_ancestor(running.worker->pid(), pid)) return running.job;
    return 0;
}

void Supervisor::Implementation::cancel(JobId job, bool force)
{
    queue_.cancel(job, force);
    pump_soon();
}

void Supervisor::Implementation::leave(JobId job, const Caller& caller)
{
    queue_.leave(job, caller);
    pump_soon();
}

std::optional<JobView> Supervisor::Implementation::view(JobId job) const
{
    if (auto present = present_view(job)) return present;
    return store_ ? store_->find(job) : std::nullopt;
}

/// Whoever sees that a job has ended must find its last event: until that is told, it still runs.
std::optional<JobView> Supervisor::Implementation::present_view(JobId job) const
{
    auto view = queue_.view(job);
    if (!view || view->state != JobState::ended || told_ended_.count(job) != 0) return view;
    view->state = JobState::running;
    view->result.reset();
    view->error.reset();
    return view;
}

std::vector<JobView> Supervisor::Implementation::jobs() const
{
    std::vector<JobView> result;
    for (const JobId job : queue_.jobs())
        if (auto present = present_view(job)) result.push_back(std::move(*present));
    return result;
}

const JobStore& Supervisor::Implementation::store() const
{
    if (!store_) throw Error(ErrorCode::not_supported, {{"reason", "only the service keeps logs of jobs"}});
    return *store_;
}

void Supervisor::Implementation::shut_down(std::function<void()> done)
{
    when_done_ = std::move(done);
    shutting_down_ = true;
    queue_.close();
    for (const JobId job : queue_.jobs()) {
        if (queue_.view(job)->result || !queue_.children(job).empty()) continue;
        try {
            queue_.cancel(job); // also one between two steps, whose next may be a long one
        } catch (const Error&) {
            continue; // it must not be cut off now; it ends by itself
        }
    }
    pump_soon();
}

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
    queue_.set_may_start(queue_.idle() || may_go_on());
    if (claim_->waits()) tell_who_waits();
    for (auto commands = queue_.next(); !commands.empty(); commands = queue_.next())
        for (const QueueCommand& command : commands) carry_out(command);
    if (!queue_.idle()) return;
    claim_->release();
    claim_failed_.reset();
    if (!shutting_down_) workers_->rest();
    waiting_was_told_.clear();
    jobserver_.reset();
    if (const auto done = std::exchange(when_done_, nullptr)) done();
}

bool Supervisor::Implementation::may_start()
{
    if (only_reading_) return true;
    if (!claim_->take()) return false;
    set_private_builds(claim_->private_builds());
    return true;
}

/// For jobs that have been accepted: each of their steps fails where the tree cannot be had.
bool Supervisor::Implementation::may_go_on()
{
    try {
        return claim_failed_ || may_start();
    } catch (const Error& error) {
        claim_failed_ = error;
        return true;
    }
}

void Supervisor::Implementation::tell_who_waits()
{
    const nlohmann::json facts{{"holder", claim_->holder()}};
    for (const JobId job : queue_.jobs())
        if (const auto view = queue_.view(job); view && !view->result && waiting_was_told_.insert(job).second)
            report(job, Event(EventKind::waiting, facts));
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
        const PlanFacts facts = facts_of(setup_.places);
        queue_.planned(command.job, command.is_part ? plan_of_part(request, facts) : plan(request, facts));
    } catch (const Error& error) {
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
    report(command.job, Event(EventKind::step_started, std::move(facts)));

    const Descriptor log = store_ ? store_->log_for_writing(command.job) : Descriptor();
    WorkerProcess::Start order{{step, setup_.places, store_ ? command.job : 0, step.kind == StepKind::build,
                                step.handle, setup_.settings, command.background},
                               claim_->descriptor(),
                               step.kind == StepKind::build ? jobserver() : nullptr,
                               log.number(),
                               step.handle ? handle_of(command.job) : -1};
    WorkerProcess::Listener listener{[this, id = command.step](const Event& event) { worker_event(id, event); },
                                     [this, id = command.step](const Outcome& outcome) { worker_ended(id, outcome); }};
    try {
        if (claim_failed_) throw Error(*claim_failed_);
        auto worker = std::make_unique<WorkerProcess>(loop_, *workers_, order, std::move(listener));
        running_.emplace(command.step, Running{command.job, step, now(), std::move(worker)});
    } catch (const Error& error) {
        queue_.finished(command.step, {Result::failed, error, {}}, now());
    }
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
    workers_->recover(running.worker->pid()); // one that was killed has put nothing in order
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
    if (store_ && shutting_down_ && is_cut_off(job)) return;
    if (store_ && !store_->try_ended(view))
        report(job, Event(EventKind::warning,
                          {{"name", "ResultNotKept"},
                           {"parameters", {{"job", std::to_string(job)}}},
                           {"message", "The result of job " + std::to_string(job) +
                                           " could not be written to disk; a restart of dkmsd tries it again."}}));
    report(job, Event(EventKind::job_ended, {{"view", to_json(view)}}));
    told_ended_.insert(job);
    observer_.job_ended(job);
    handles_.erase(job);
    if (view.parent != 0) return; // it goes with its parent
    forget_[job] = loop_.after(kept_after_end, [this, job] {
        queue_.forget(job);
        std::erase_if(told_ended_, [this](JobId one) { return !queue_.view(one); });
        if (store_) store_->prune();
        forget_.erase(job);
    });
}

/// To the job's own record and to those of the jobs it is a part of; who follows a job over several kernels reads one
/// stream.
void Supervisor::Implementation::report(JobId job, Event event)
{
    event.job = job;
    if (store_)
        for (JobId whole = job; whole != 0;) {
            store_->append(whole, event);
            const auto view = queue_.view(whole);
            whole = view ? view->parent : 0;
        }
    observer_.event(event);
}

Supervisor::Supervisor(Loop& loop, Setup setup, Observer& observer)
    : self_(std::make_unique<Implementation>(loop, std::move(setup), observer))
{
}
Supervisor::~Supervisor() = default;

Supervisor::Accepted Supervisor::submit(const Request& request, const Caller& caller, int client_pid, Descriptor handle)
{
    return self_->submit(request, caller, client_pid, std::move(handle));
}
void Supervisor::cancel(JobId job, bool force) { self_->cancel(job, force); }
void Supervisor::leave(JobId job, const Caller& caller) { self_->leave(job, caller); }
std::optional<JobView> Supervisor::view(JobId job) const { return self_->view(job); }
std::vector<JobView> Supervisor::jobs() const { return self_->jobs(); }
Descriptor Supervisor::open_events(JobId job) const { return self_->store().open_events(job); }
Descriptor Supervisor::open_log(JobId job) const { return self_->store().open_log(job); }
void Supervisor::resume() { self_->resume(); }
void Supervisor::shut_down(std::function<void()> done) { self_->shut_down(std::move(done)); }
bool Supervisor::idle() const { return self_->idle(); }
const Places& Supervisor::places() const { return self_->places(); }
Workers& Supervisor::workers() const { return self_->workers(); }

} // namespace dkms
