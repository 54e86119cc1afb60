// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/supervisor.h"

#include "daemon/journal.h"
#include "daemon/worker_process.h"
#include "lib/plan/plan.h"
#include "lib/process/available_memory.h"
#include "lib/queue/queue.h"
#include "lib/tree/lock.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iostream>
#include <limits>
#include <map>
#include <set>
#include <thread>

namespace dkms {
namespace {

constexpr auto kept_after_end = std::chrono::seconds(60); // how long an ended job can be asked for as an object
constexpr unsigned most_deaths = 3;                       // in steps of a job, which may be what ends us
constexpr auto first_pause = std::chrono::seconds(1);     // before the tree is tried again
constexpr auto longest_pause = std::chrono::seconds(30);

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// Only privileged users make jobs, and whoever installs packages is not to fail for having many: what there is of
/// memory for all of them is the only limit.
QueueLimits limits(std::size_t most_jobs)
{
    QueueLimits limits;
    limits.jobs_in_total = most_jobs;
    limits.jobs_per_user = std::numeric_limits<std::size_t>::max();
    return limits;
}

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
                                     is_pausing_ = false;
                                     pump();
                                 })),
          queue_(limits(setup_.most_jobs), 1, running_release())
    {
        if (setup_.job_directory.empty()) return;
        journal_.emplace(loop, setup_.job_directory);
        if (store().fault()) std::cerr << "dkmsd: " << store().fault()->message() << " Nothing is accepted.\n";
        queue_ = Queue(limits(setup_.most_jobs), store().next_id(), running_release());
    }

    Accepted submit(const Request& request, const Caller& caller, int client_pid, Descriptor handle);
    void resume();
    void cancel(JobId job, bool force);
    void leave(JobId job, const Caller& caller);
    std::optional<JobView> view(JobId job) const;
    std::optional<JobView> present_view(JobId job) const;
    std::vector<JobView> jobs() const;
    std::vector<JobView> jobs_since(double since) const;
    const JobStore& kept() const;
    void shut_down(std::function<void()> done);
    bool idle() const { return queue_.idle() && left_.empty(); }
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
    void take_up(JobView job);
    void take_up_what_is_left();
    void give_up(JobView job, const Error& error);
    bool is_cut_off(JobId job) const;
    JobId outermost(JobId job) const;
    JobStore& store() { return journal_->store(); }
    const JobStore& store() const { return journal_->store(); }
    int handle_of(JobId job) const;
    JobId job_of_process(int pid) const;
    void tell_news();
    void pump_soon();
    void pump();
    bool may_start();
    bool may_go_on();
    void fail_what_is_waited_for();
    bool has_taken_up_jobs() const;
    void wait_for_the_tree(const Error& error);
    void try_later();
    void tell_waiting(const nlohmann::json& facts);
    std::string why_it_waits() const;
    void carry_out(const QueueCommand& command);
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
    std::optional<Error> blocked_;      ///< why the tree cannot be changed, while jobs that were accepted wait for it
    bool is_pausing_ = false;           ///< it is not tried at every turn
    std::chrono::seconds pause_ = first_pause;
    Source on_pause_end_;
    std::optional<Journal> journal_;
    Queue queue_;
    std::vector<JobView> left_;  ///< by an earlier instance, and not to be planned now
    std::set<JobId> taken_up_;   ///< outermost jobs of an earlier instance
    std::set<JobId> not_wanted_; ///< outermost jobs that somebody has cancelled
    std::vector<JobView> unreadable_;
    bool queue_is_prepared_ = false;
    std::set<JobId> waiting_was_told_;
    bool only_reading_ = false; ///< no job changes the tree
    std::optional<Jobserver> jobserver_;
    std::vector<std::pair<JobId, Event>> news_;
    std::map<StepId, Running> running_;
    std::set<JobId> begun_;
    std::set<JobId> told_ended_;          ///< and not forgotten yet
    std::map<JobId, int> clients_;        ///< who asked, while the tree is not ours
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
    const bool is_work = !work.steps.empty() || !work.children.empty() || !work.at_end.empty();
    if (is_work) {
        if (!queue_is_prepared_) set_private_builds(workers_->private_builds());
        only_reading_ = (queue_.idle() || only_reading_) && only_reads(work);
        may_start(); // a tree that cannot be written is an error of the request
        if (blocked_) throw Error(*blocked_);
        if (journal_) journal_->try_again();
    }
    pump_soon(); // gives the lock back if the request is refused
    const auto [job, joined] = queue_.submit(std::move(work), caller, now(), inside);
    if (handle) handles_[job] = std::move(handle);
    if (joined) {
        news_.emplace_back(job, Event(EventKind::job_joined, {{"uid", caller.uid}}));
        return {job, joined};
    }
    if (client_pid > 0 && claim_->descriptor() < 0) clients_[job] = client_pid;
    announce(job, inside != 0);
    try {
        keep(job);
    } catch (const Error&) {
        queue_.cancel(job, true);
        throw;
    }
    return {job, joined};
}

/// On disk now: whoever is told its number may count on it.
void Supervisor::Implementation::keep(JobId job)
{
    if (!journal_) return;
    store().accept(*queue_.view(job));
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
    job.result = Result::failed;
    job.error = error;
    job.ended_at = now();
    Event ended(EventKind::job_ended, {{"view", to_json(job)}});
    ended.job = job.id;
    store().append(job.id, ended); // for who follows it
    journal_->ended(job);
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
    not_wanted_.insert(job);
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
    for (const auto* list : {&left_, &unreadable_})
        for (const JobView& one : *list)
            if (one.id == job) return one;
    return journal_ ? journal_->find(job) : std::nullopt;
}

/// Whoever sees that a job has ended must find its last event: until that is told, it still runs.
std::optional<JobView> Supervisor::Implementation::present_view(JobId job) const
{
    auto view = queue_.view(job);
    if (view && view->state != JobState::ended && running_.empty()) view->waits_for = why_it_waits();
    if (!view || view->state != JobState::ended || told_ended_.count(job) != 0) return view;
    view->state = JobState::running;
    view->result.reset();
    view->error.reset();
    return view;
}

std::vector<JobView> Supervisor::Implementation::jobs() const
{
    std::vector<JobView> result = unreadable_;
    result.insert(result.end(), left_.begin(), left_.end());
    for (const JobId job : queue_.jobs())
        if (auto present = present_view(job)) result.push_back(std::move(*present));
    std::sort(result.begin(), result.end(), [](const JobView& a, const JobView& b) { return a.id < b.id; });
    return result;
}

std::vector<JobView> Supervisor::Implementation::jobs_since(double since) const
{
    std::map<JobId, JobView> found;
    if (journal_)
        for (JobView& job : journal_->all()) found.emplace(job.id, std::move(job));
    for (JobView& job : jobs()) found.insert_or_assign(job.id, std::move(job));
    std::vector<JobView> result;
    for (auto& [id, job] : found)
        if (!job.result || job.queued_at >= since || job.ended_at >= since) result.push_back(std::move(job));
    return result;
}

const JobStore& Supervisor::Implementation::kept() const
{
    if (!journal_) throw Error(ErrorCode::not_supported, {{"reason", "only the service keeps logs of jobs"}});
    return store();
}

void Supervisor::Implementation::shut_down(std::function<void()> done)
{
    when_done_ = std::move(done);
    shutting_down_ = true;
    left_.clear(); // the next instance finds them where we have
    on_pause_end_ = Source();
    if (journal_) journal_->stopping();
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
    if (claim_->waits()) fail_what_is_waited_for();
    if (claim_->waits()) tell_waiting({{"holder", claim_->holder()}});
    for (auto commands = queue_.next(); !commands.empty(); commands = queue_.next())
        for (const QueueCommand& command : commands) carry_out(command);
    if (!queue_.idle()) return;
    claim_->release();
    clients_.clear();
    claim_failed_.reset();
    blocked_.reset();
    if (!shutting_down_) workers_->rest();
    waiting_was_told_.clear();
    jobserver_.reset();
    if (!when_done_) return;
    if (journal_) journal_->try_again();
    std::exchange(when_done_, nullptr)();
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

void Supervisor::Implementation::carry_out(const QueueCommand& command)
{
    if (const auto* to_start = std::get_if<StartStep>(&command)) {
        start(*to_start);
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

    const Descriptor log = journal_ ? store().log_for_writing(command.job) : Descriptor();
    WorkerProcess::Start order{{step, setup_.places, journal_ ? command.job : 0, step.kind == StepKind::build,
                                step.handle, setup_.settings, command.background},
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
    handles_.erase(job);
    if (view.parent != 0) return; // it goes with its parent
    forget_[job] = loop_.after(kept_after_end, [this, job] {
        queue_.forget(job);
        std::erase_if(told_ended_, [this](JobId one) { return !queue_.view(one); });
        taken_up_.erase(job);
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
std::vector<JobView> Supervisor::jobs_since(double since) const { return self_->jobs_since(since); }
Descriptor Supervisor::open_events(JobId job) const { return self_->kept().open_events(job); }
Descriptor Supervisor::open_log(JobId job) const { return self_->kept().open_log(job); }
void Supervisor::resume() { self_->resume(); }
void Supervisor::shut_down(std::function<void()> done) { self_->shut_down(std::move(done)); }
bool Supervisor::idle() const { return self_->idle(); }
const Places& Supervisor::places() const { return self_->places(); }
Workers& Supervisor::workers() const { return self_->workers(); }

} // namespace dkms
