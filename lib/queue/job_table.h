// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/job.h"
#include "lib/model/outcome.h"
#include "lib/queue/precedence.h"

#include <map>
#include <optional>
#include <set>
#include <vector>

namespace dkms {

/// A job goes through these in order; it may be in one for no time at all.
enum class Phase {
    steps,     ///< its own steps, one after the other
    children,  ///< its plan's children, side by side
    follow_up, ///< steps that were asked for on the way; the outermost job only
    ended,
};

/// The step of a job that runs now.
struct RunningStep {
    StepId id = 0;
    bool cancelable = true;
    bool stop_wanted = false; ///< as soon as it is cancelable
    bool stop_sent = false;
    unsigned percent = 0; ///< of this step
};

/// How a job ended, or will end once everything below it has.
struct Verdict {
    Result result = Result::done;
    std::optional<Error> error;
};

/// A job from its acceptance until it is forgotten.
struct QueuedJob {
    JobId id = 0;
    JobId parent = 0; ///< 0: none
    bool inside =
        false; ///< asked for by a descendant of the parent's running step; otherwise part of the parent's plan
    Request request;
    unsigned uid = 0;
    std::vector<Caller> submitters; ///< empty for a part of a plan: it has those of its parent
    bool for_running_kernel = false;

    std::vector<Step> steps;
    std::size_t position = 0;       ///< of the step that runs or comes next
    std::vector<JobId> children;    ///< of the plan, in its order
    std::vector<JobId> inside_jobs; ///< asked for from inside
    std::vector<JobId> after;       ///< children of the same plan that have to have ended before it starts
    bool planned = true;            ///< its plan is final; see Queue::planned()
    bool asked_for_plan = false;    ///< it is being made
    bool was_provisional = false;   ///< its first plan was not final
    std::vector<Step> follow_up;    ///< each at most once
    std::size_t follow_up_position = 0;
    std::vector<Resource> needs; ///< of the step that runs or comes next

    Phase phase = Phase::steps;
    bool started = false;              ///< a step of it or of a child has been started
    bool stopping = false;             ///< no further one of its own steps is to be started
    std::optional<Error> given_up_for; ///< why it is stopped, when it is because what it is a part of has failed
    bool all_skipped = true;           ///< of its own steps that have ended
    std::optional<RunningStep> running;
    std::optional<Verdict> verdict;

    std::optional<StepKind> shown_step;
    Stage stage = Stage::prepare;
    unsigned percent = 0;
    double queued_at = 0;
    double ended_at = 0;
    Usage usage = {}; ///< of its own steps
};

/// All known jobs and how they belong together. Ids that are given to its functions, unless said otherwise, are of
/// known jobs.
class JobTable {
public:
    QueuedJob& add(QueuedJob job);
    QueuedJob& at(JobId job) { return jobs_.at(job); }
    const QueuedJob& at(JobId job) const { return jobs_.at(job); }
    QueuedJob* find(JobId job); ///< nothing for an unknown one
    const QueuedJob* find(JobId job) const;
    void erase(JobId job) { jobs_.erase(job); }
    std::vector<JobId> ids() const;

    /// Jobs that have not ended, by number. To be told: closed().
    const std::set<JobId>& open() const { return open_; }
    void closed(JobId job)
    {
        open_.erase(job);
        precedence_.leave(job);
    }

    /// Whose turn it is among jobs that are about the same. To be told of every job with a scope.
    Precedence& precedence() { return precedence_; }
    const Precedence& precedence() const { return precedence_; }

    /// Jobs with a running step. To be told: step_started(), step_ended().
    const std::map<StepId, JobId>& running() const { return running_; }
    void step_started(StepId step, JobId job) { running_.emplace(step, job); }
    void step_ended(StepId step) { running_.erase(step); }

    JobId outermost(JobId job) const;
    Precedence::Entrant entrant(JobId job) const { return {job, outermost(job), is_inside(job)}; }
    /// Whether `ancestor` is above `job`.
    bool is_above(JobId ancestor, JobId job) const;
    /// Whether it, or a job above it, was asked for from inside a running step: then somebody who holds resources waits
    /// for it.
    bool is_inside(JobId job) const;
    /// The job and everything below it, parents first.
    std::vector<JobId> family(JobId job) const;
    /// The submitters of the job or of the job whose plan it belongs to.
    const std::vector<Caller>& submitters(JobId job) const;
    /// Whether somebody waits for its result, for that of the job it belongs to, or for one that waits for it.
    bool is_awaited(JobId job) const;
    bool has_open_inside_job(const QueuedJob& job) const;
    bool has_open_child(const QueuedJob& job) const;
    /// Whether its turn in its parent's plan has come, and nothing is before it.
    bool is_its_turn(const QueuedJob& job) const;

    /// The step the job would start if it got its resources; nothing if it has none to start now.
    const Step* waiting_step(const QueuedJob& job) const;
    /// Whether its plan is to be made final as soon as it could start.
    bool wants_plan(const QueuedJob& job) const;

private:
    bool is_awaited_itself(JobId job) const;
    bool may_begin(const QueuedJob& job) const;

    std::map<JobId, QueuedJob> jobs_;
    std::set<JobId> open_;
    Precedence precedence_;
    std::map<StepId, JobId> running_;
};

} // namespace dkms
