// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/supervisor.h"

#include "daemon/supervisor_state.h"
#include "lib/plan/plan.h"
#include "lib/process/ancestry.h"
#include "lib/queue/scope.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <limits>
#include <thread>

namespace dkms {
namespace {

constexpr std::size_t least_steps = 16; // at a time, however few processors there are

/// Only privileged users make jobs, and whoever installs packages is not to fail for having many: what there is of
/// memory for all of them is the only limit.
QueueLimits limits(const Supervisor::Setup& setup)
{
    QueueLimits limits;
    limits.jobs_in_total = setup.most_jobs;
    limits.jobs_per_user = std::numeric_limits<std::size_t>::max();
    // Processes that only wait for a processor take turns from those that look at the tree for somebody.
    limits.running_steps =
        std::clamp(std::size_t{4} * std::thread::hardware_concurrency(), least_steps, limits.running_steps);
    // Two make ready, and finish, while the others compile.
    limits.builds_of_a_job = std::max(setup.parallel, std::thread::hardware_concurrency()) + 2;
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

Supervisor::Implementation::Implementation(Loop& loop, Setup setup, Observer& observer)
    : loop_(loop), observer_(observer), setup_(std::move(setup)),
      workers_(setup_.workers(loop, [this] { observer_.outdated(); })),
      claim_(workers_->claim(setup_.mode,
                             [this] {
                                 waiting_was_told_.clear();
                                 is_pausing_ = false;
                                 hear_undecided();
                                 pump();
                             })),
      queue_(limits(setup_), 1, running_release())
{
    if (setup_.job_directory.empty()) return;
    journal_.emplace(loop, setup_.job_directory);
    kept_handles_.emplace(setup_.job_directory);
    if (store().fault()) std::cerr << "dkmsd: " << store().fault()->message() << " Nothing is accepted.\n";
    queue_ = Queue(limits(setup_), store().next_id(), running_release());
}

double Supervisor::Implementation::now()
{
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Whether builds can be kept apart is found out by trying, which costs a process: not before there is work.
void Supervisor::Implementation::set_private_builds(std::optional<bool> known)
{
    if (known && !std::exchange(queue_is_prepared_, true)) queue_.set_private_builds(*known);
}

std::optional<Supervisor::Accepted> Supervisor::Implementation::submit(const Request& request, const Caller& caller,
                                                                       int client_pid, Descriptor& handle, bool later)
{
    if (shutting_down_) throw Error(ErrorCode::shutting_down);
    JobPlan work = plan(request, facts_of(setup_.places));
    const JobId inside = job_of_process(client_pid);
    if (!work.steps.empty()) workers_->expect(work.steps.front());
    const bool is_final = is_empty(work) && !may_become_work(work);
    if (!is_final) only_reading_ = (queue_.idle() || only_reading_) && only_reads(work);
    if (!is_empty(work)) {
        if (!queue_is_prepared_) set_private_builds(workers_->private_builds());
        // A tree that cannot be written is an error of the request.
        const bool is_known = may_start() || !claim_->is_undecided();
        if (later && !is_known) return std::nullopt;
        require_room(work);
        if (journal_) journal_->try_again();
    }
    pump_soon(); // gives the lock back if the request is refused
    // While the caller is there to be looked at; by units it is known later, see fail_what_is_waited_for().
    if (!is_final && claim_->waits() && is_ancestor(claim_->holder_process(), client_pid))
        throw Error(ErrorCode::interrupted,
                    {{"reason", "it was asked for from inside a step of " + claim_->holder() +
                                    ", for whose end it would wait; only dkmsctl and dkms can be called there"}});
    const auto [job, joined] = queue_.submit(std::move(work), caller, now(), inside, !is_final);
    if (handle) handles_[job] = std::move(handle);
    if (joined) {
        news_.emplace_back(job, Event(EventKind::job_joined, {{"uid", caller.uid}}));
        if (caller.waiting) try_to_keep(job); // that somebody waits
        return Accepted{job, joined};
    }
    if (client_pid > 0 && claim_->descriptor() < 0) clients_[job] = client_pid;
    announce(job, inside != 0);
    try {
        keep(job);
        if (const auto beside = handles_.find(job); journal_ && beside != handles_.end())
            kept_handles_->keep(job, beside->second);
    } catch (const Error&) {
        queue_.cancel(job, true);
        throw;
    }
    return Accepted{job, joined};
}

void Supervisor::Implementation::submit_later(Asked asked)
{
    try {
        const auto accepted = submit(asked.request, asked.caller, asked.client_pid, asked.handle, true);
        if (accepted) return asked.accepted(*accepted);
        undecided_.push_back(std::move(asked));
    } catch (const Error& error) {
        asked.failed(error);
    }
}

/// It is known whether the tree can be changed. In the order in which they have asked.
void Supervisor::Implementation::hear_undecided()
{
    for (Asked& asked : std::exchange(undecided_, {})) submit_later(std::move(asked));
}

/// What waits for the tree waits in its order, and what would need room is refused while there is none.
void Supervisor::Implementation::require_room(const JobPlan& work)
{
    std::optional<Error> obstacle = blocked_;
    if (!obstacle && journal_ && !only_reading_ && makes_something(work.request.verb)) obstacle = claim_->shortage();
    if (!obstacle) return;
    pump_soon(); // gives the lock back
    throw Error(*obstacle);
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
        return !blocked_;
    } catch (const Error&) {
        return false;
    }
}

/// On disk now: whoever is told its number may count on it.
void Supervisor::Implementation::keep(JobId job)
{
    if (!journal_) return;
    const auto* const callers = queue_.submitters(job);
    const bool awaited = std::any_of(callers->begin(), callers->end(), [](const Caller& one) { return one.waiting; });
    store().accept(*queue_.view(job), awaited);
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

/// Whoever cancels a job that is over would take it for cancelled.
[[noreturn]] static void refuse_ended(const JobView& job)
{
    if (job.unreadable && job.error) throw Error(*job.error);
    const std::string number = std::to_string(job.id);
    throw Error(ErrorCode::not_cancelable,
                {{"job", number},
                 {"reason", "over"},
                 {"sentence", "Job " + number + " has already ended: " +
                                  std::string(job.result ? name_of(*job.result) : "it is over") + "."},
                 {"remedy", "What it printed: dkmsctl log " + number}});
}

void Supervisor::Implementation::cancel(JobId job, bool force)
{
    if (const auto left = std::find_if(left_.begin(), left_.end(), [job](const JobView& one) { return one.id == job; });
        left != left_.end()) {
        JobView view = std::move(*left);
        left_.erase(left);
        return give_up(std::move(view), Error(ErrorCode::cancelled));
    }
    if (const auto known = view(job); !force && known && known->state == JobState::ended) refuse_ended(*known);
    queue_.set_now(now());
    queue_.cancel(job, force);
    not_wanted_.insert(job);
    pump_soon();
}

void Supervisor::Implementation::leave(JobId job, const Caller& caller)
{
    queue_.set_now(now());
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
    if (view && view->state != JobState::ended) view->waits_for = why_it_waits(job);
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
    queue_.set_now(now());
    queue_.close();
    hear_undecided(); // that it is too late
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

Supervisor::Supervisor(Loop& loop, Setup setup, Observer& observer)
    : self_(std::make_unique<Implementation>(loop, std::move(setup), observer))
{
}
Supervisor::~Supervisor() = default;

Supervisor::Accepted Supervisor::submit(const Request& request, const Caller& caller, int client_pid, Descriptor handle)
{
    return self_->submit(request, caller, client_pid, handle, false).value();
}
void Supervisor::submit_later(const Request& request, const Caller& caller, int client_pid, Descriptor handle,
                              OnAccepted accepted, OnFailed failed)
{
    self_->submit_later({request, caller, client_pid, std::move(handle), std::move(accepted), std::move(failed)});
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
