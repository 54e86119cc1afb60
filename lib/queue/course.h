// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/queue/job_table.h"
#include "lib/queue/queue.h"

#include <set>
#include <vector>

namespace dkms {

/// What becomes of accepted jobs: how their steps follow each other, how they are stopped and how they end. Collects
/// the commands that follow from that. It does not choose who starts (schedule.h) and accepts nothing (queue.cc).
class Course {
public:
    /// `private_builds`: see Step::resources.
    explicit Course(bool private_builds) : private_builds_(private_builds) {}

    void set_private_builds(bool private_builds) { private_builds_ = private_builds; }

    JobTable& table() { return table_; }
    const JobTable& table() const { return table_; }

    /// A new family of jobs, its outermost first, is in the table.
    void enter(const std::vector<JobId>& family);

    /// Starts the waiting step of `job`.
    void start(JobId job);
    /// Asks for the final plan of a job that could start now, see Queue::planned().
    void ask_for_plan(JobId job);
    /// Its plan is final now, and stands in the table.
    void planned(JobId job);
    /// A running step has ended. Unknown steps are ignored, here and below.
    void finished(StepId step, Outcome outcome, double now);
    /// It could not do anything, see Queue::put_back().
    bool put_back(StepId step);
    void progress(StepId step, Stage stage, unsigned percent);
    void set_cancelable(StepId step, bool cancelable);

    /// No further step of `job` is started, a running one is cut off: at once when it is cancelable or `force`, else as
    /// soon as it is. What it asked to have done at the end is done all the same; a second stop, while that is being
    /// done, stops that too.
    void stop(JobId job, bool force);
    /// A job of which no step has been started fails, its children are stopped.
    void fail_waiting(JobId job, Error error);

    /// Steps to run at the end of the outermost job of `job`, each at most once.
    void ask_for_follow_up(JobId job, const std::vector<Step>& steps);
    /// `job` has come to a plan that was accepted before.
    void tell_added(JobId job) { commands_.emplace_back(JobAdded{job}); }

    void set_now(double now) { now_ = now; }
    std::vector<QueueCommand> take_commands();

private:
    void prepare_next(QueuedJob& job);
    void advance(JobId job);
    void leave_steps(QueuedJob& job);
    void stop_children(const QueuedJob& job);
    void leave_children(QueuedJob& job);
    void end(QueuedJob& job);
    void step_ended(QueuedJob& job, Outcome outcome);
    void follow_up_ended(QueuedJob& job, Outcome outcome);
    void send_stop(QueuedJob& job);
    void withdraw_stop(StepId step);
    void drop_follow_up(QueuedJob& job);
    void refresh(JobId job);
    void changed(JobId job);

    JobTable table_;
    bool private_builds_;
    StepId next_step_ = 1;
    double now_ = 0;
    std::vector<QueueCommand> commands_;
    std::set<JobId> told_changed_; ///< in commands_ already
};

} // namespace dkms
