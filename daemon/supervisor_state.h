// SPDX-License-Identifier: LGPL-2.1-or-later
// What is behind a Supervisor. Its parts: supervisor.cc accepts and shows, supervisor_run.cc carries out what the queue
// says, supervisor_resume.cc has jobs of an earlier instance and those that cannot be planned, supervisor_tree.cc the
// right to change the tree.
#pragma once

#include "daemon/journal.h"
#include "daemon/kept_handles.h"
#include "daemon/supervisor.h"
#include "daemon/worker_process.h"
#include "lib/plan/plan.h"
#include "lib/queue/queue.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dkms {

class Supervisor::Implementation {
public:
    Implementation(Loop& loop, Setup setup, Observer& observer);

    /// What is asked for, and how the answer is given.
    struct Asked {
        Request request;
        Caller caller;
        int client_pid = 0;
        Descriptor handle;
        OnAccepted accepted;
        OnFailed failed;
    };

    /// `later`: nothing is done, and nothing returned, while it is not known whether the tree can be changed.
    std::optional<Accepted> submit(const Request& request, const Caller& caller, int client_pid, Descriptor& handle,
                                   bool later);
    void submit_later(Asked asked);
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

    static constexpr auto first_pause = std::chrono::seconds(1); ///< before the tree is tried again

    static double now(); ///< seconds since the epoch
    void set_private_builds(std::optional<bool> known);
    void keep(JobId job);
    void try_to_keep(JobId job);
    void announce(JobId job, bool inside = false);
    PlanFacts facts_about(JobId job) const;
    void take_up(JobView job);
    void take_up_what_is_left();
    void give_up(JobView job, const Error& error);
    bool has_handle(const JobView& job);
    void drop_handle(JobId job);
    bool is_cut_off(JobId job) const;
    JobId outermost(JobId job) const;
    JobStore& store() { return journal_->store(); }
    const JobStore& store() const { return journal_->store(); }
    int handle_of(JobId job) const;
    JobId job_of_process(int pid) const;
    void tell_news();
    void pump_soon();
    void pump();
    void rest_between_steps();
    bool may_start();
    bool may_become_work(const JobPlan& empty);
    bool may_go_on();
    bool gives_way() const;
    void give_tree_away();
    bool lost_the_tree(const Running& running, const Outcome& outcome);
    void fail_what_is_waited_for();
    void hear_undecided();
    void wait_for_the_tree(const Error& error);
    void try_later();
    void tell_waiting(const nlohmann::json& facts);
    void tell_waiting(JobId job, const nlohmann::json& facts);
    std::string why_it_waits(JobId job) const;
    void carry_out(const QueueCommand& command);
    void make_final(const PlanJob& command);
    bool put_off(const PlanJob& command, const Error& error);
    void plan_what_waits();
    void require_room(const JobPlan& work);
    bool has_open_job(bool that_makes_something) const;
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
    bool has_used_tree_ = false;        ///< a step has been started since it is ours
    bool tree_is_lost_ = false;         ///< a step has found that it cannot be written any more
    std::map<JobId, unsigned> attempts_;
    std::vector<Asked> undecided_; ///< requests that are answered when it is known whether it can
    std::map<JobId, std::pair<PlanJob, Error>> unplanned_; ///< jobs that could not be planned, and why; tried again
    bool plan_again_ = false;                              ///< what could not be planned, as soon as the tree is ours
    bool is_pausing_ = false;                              ///< it is not tried at every turn
    std::chrono::seconds pause_ = first_pause;
    Source on_pause_end_;
    std::optional<Journal> journal_;
    std::optional<KeptHandles> kept_handles_; ///< with the journal
    Queue queue_;
    std::vector<JobView> left_;  ///< by an earlier instance, and not to be planned now
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

} // namespace dkms
