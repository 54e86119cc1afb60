// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/job.h"
#include "lib/model/outcome.h"

#include <memory>
#include <variant>
#include <vector>

namespace dkms {

/// How much may wait.
struct QueueLimits {
    std::size_t jobs_per_user = 64;  ///< accepted requests that have not ended; the children of a plan are not counted
    std::size_t jobs_in_total = 512; ///< the same
    std::size_t running_steps = 64;  ///< processes at a time, at least 1; processors are shared by the jobserver
    /// Builds of one request, at least 1. More of them than there are processors only wait for each other, each in
    /// processes of its own; builds of other requests run beside them.
    std::size_t builds_of_a_job = 64;
    bool private_builds = true; ///< see Step::resources
};

// What the owner of the queue has to do. Commands are in the order in which they must be carried out.

/// Start a worker for a step.
struct StartStep {
    JobId job;
    StepId step;
    Step what;
    bool background; ///< nobody waits for the job
};
/// A job could start now, whose plan was made when others were still changing what it is about: make it once more, and
/// call planned() or refused() before the next next().
struct PlanJob {
    JobId job;
    bool is_part; ///< a step has found it to be needed: it has the plan that the step has made
};
/// SIGTERM, later SIGKILL; finished() is still to be called.
struct StopStep {
    StepId step;
};
/// A step has found that this job is needed, too: a further child, with children of its own or without.
struct JobAdded {
    JobId job;
};
/// Something that view() shows has changed.
struct JobChanged {
    JobId job;
};
/// It has its result now; a parent ends after its children.
struct JobEnded {
    JobId job;
};
using QueueCommand = std::variant<StartStep, PlanJob, StopStep, JobAdded, JobChanged, JobEnded>;

/// The order in which accepted requests run.
///
/// A pure state machine: it never blocks, forks, reads a clock or touches the bus. The owner tells it what happened and
/// carries out the commands that next() returns. Guarantees, each with a test of its name in tests/unit/queue*_test.cc:
///  - a step is started at most once, but one that was put back, a job ends exactly once;
///  - the steps of a job run in order, and stop at the first that failed or was cancelled;
///  - a skipped step with an error (the module is left out) ends the job as skipped;
///  - a plan with both steps and children runs its steps first;
///  - jobs that a step has found to be needed become children of its job, if the step came to its end;
///  - a child waits for the children that its plan puts before it, however they end;
///  - a parent ends after its children: failed with the error of the first that failed (what concerns a whole kernel,
///    with one that names all that failed), cancelled if one was cancelled, skipped if all were, else done;
///  - a child that does not begin because a step of its parent failed is cancelled with the error of that step;
///  - two running steps never need the same resource (Step::resources), except a child from inside a running job, which
///    shares its parent's;
///  - a job begins when all those have ended that were accepted before it and are about the same (scope.h), whoever
///  waits
///    for it; what it waits for is then waited for, too; nothing about the same begins until it has ended, but what is
///    asked for from inside a running step;
///  - the plan of a job that is not final is made when it begins, before its first step starts;
///  - for a resource it needs, a waiting step is overtaken only by one of higher priority: asked for from inside a
///    running job (among those, whoever can); somebody waits > background; the running kernel > others; then first
///    come, first served;
///  - jobs from inside running jobs that wait for each other in a circle do not wait for ever: one fails (Interrupted);
///  - an identical request that has not ended is joined, unless something accepted since needs the same module; one
///    that is being stopped is not, nor an autoinstall that has begun (it may have looked too early), and what comes
///    from inside a job joins only what came from inside the same job;
///  - a job stops when its last submitter has left, or by cancel; a step that must not be cut off comes to its end;
///  - follow-up steps run once, at the end of the outermost job and in the order of place_at_end, also when a part of
///    it failed or was cancelled;
///  - a step is started in the background when nobody waits for the job or for the one it was asked for in;
///  - while another waits for the tree only what has begun goes on, and what is asked for from inside of it;
///  - what has not begun is planned once more after others had the tree, and what has is not;
///  - the percentage of a job never goes back;
///  - a full queue is an error of the request (LimitsExceeded), also for one user alone; after close(), ShuttingDown.
class Queue {
public:
    /// `first` is the id of the first job. `running` is the release of the running kernel.
    explicit Queue(QueueLimits limits, JobId first = 1, std::string running_release = {});
    ~Queue();
    Queue(Queue&&) noexcept;
    Queue& operator=(Queue&&) noexcept;

    struct Accepted {
        JobId job;
        bool joined; ///< it was there already
    };
    /// Accepts a plan; the id may be handed out at once, those of its children are children(). A plan without steps
    /// ends as skipped. `inside` is the job whose worker's descendant asks (0: none; without effect unless a step of it
    /// runs): the new job becomes its child, shares its resources, and needs no free process; the step it came from is
    /// over when it is. How it ends does not change its parent's result. With `provisional` the plan is made once more
    /// when the job begins (PlanJob), and so are those of the parts that its steps find to be needed.
    /// Throws Error: LimitsExceeded, ShuttingDown.
    Accepted submit(JobPlan plan, Caller caller, double now, JobId inside = 0, bool provisional = false);
    /// Whether a job with this plan would have to wait for one that is about the same.
    bool has_conflict(const JobPlan& plan) const;
    /// Takes up a job of an earlier instance under its old number; its children get new ones. It is neither refused nor
    /// joined to another. `first` of the constructor must be higher than every number taken up.
    void resume(JobId job, JobPlan plan, Caller caller, double queued_at, bool provisional = false);

    /// Whether builds of one module are kept apart from here on (see Step::resources); at first, what the limits say.
    void set_private_builds(bool private_builds);

    /// While it may not (the tree's lock is somebody else's), next() starts no step; everything else goes on. It may at
    /// first.
    void set_may_start(bool may_start);
    /// While the tree has no room, only what gives room back starts, see makes_something(). It has at first.
    void set_room(bool has_room);

    /// What starts, as far as anything may. Whatever it is, what is asked for from inside a running step starts, since
    /// that waits for it.
    enum class Starts {
        all,    ///< at first
        begun,  ///< jobs of which a step has been started go on: another waits for the tree
        inside, ///< nothing else: the tree is to be given up as soon as no step runs
    };
    void set_starts(Starts starts);
    /// No step runs, and others may have changed the tree: what has not begun is planned once more when it begins.
    void tree_was_given_away();

    /// Seconds since the epoch: what ends from here on without a step's end (a plan that has nothing to do or is
    /// refused, a cancellation) has ended then. Only kept for the view; submit() and finished() say it themselves.
    void set_now(double now);

    /// What should happen now. Empty when nothing can move.
    std::vector<QueueCommand> next();

    /// The final plan of a job, after PlanJob; without one it keeps what it has. Children that are there already stay,
    /// each with what the plan says of it; those that it does not mention have nothing to do.
    void planned(JobId job, std::optional<JobPlan> plan);
    /// It turned out that it cannot be done: the job fails.
    void refused(JobId job, Error error);

    /// How a started step ended; when it was to be stopped but came to its end all the same, that counts. `now` is only
    /// kept for the view. Steps that do not run are ignored, here and below.
    void finished(StepId step, Outcome outcome, double now);
    /// A started step could do nothing, since the tree cannot be changed: the same step is started once more, and where
    /// it needs what an earlier one of its job has left, that first. False, and nothing has happened: something waits
    /// for it that runs, or it was to be stopped.
    bool put_back(StepId step);
    /// What a running step reported.
    void progress(StepId step, Stage stage, unsigned percent);
    /// A step from here on must not, or may again, be cut off.
    void set_cancelable(StepId step, bool cancelable);

    /// One submitter (user and bus name) is not interested any more. Nothing happens to the job while another is, nor
    /// when only its follow-up steps are left. Parts of a plan cannot be left.
    void leave(JobId job, const Caller& caller);
    /// Ends a job and its children; an ended one is left as it is. Follow-up steps still run; a second cancel, while
    /// they do, drops them. Throws Error: NoSuchJob, NotCancelable (a step of it must not be cut off now; `force` does
    /// not ask).
    void cancel(JobId job, bool force = false);
    /// An accepted job of which no step runs cannot be done: it fails with `error`, its children are cancelled. Others
    /// are left as they are.
    void fail(JobId job, Error error);
    /// No further jobs are accepted. Queued ones are cancelled, also those below a running one.
    void close();

    /// Until forget(). A parent's step and stage are those of the child that moved last.
    std::optional<JobView> view(JobId job) const;
    /// Who gets the result. A part of a plan has its parent's; nothing for an unknown job.
    const std::vector<Caller>* submitters(JobId job) const;
    std::vector<JobId> children(JobId job) const; ///< of its plan, in its order, then those from inside
    std::vector<JobId> jobs() const;              ///< known ones, by number
    void forget(JobId job);                       ///< an outermost job after its JobEnded, with its children; no other
    bool idle() const;                            ///< every job has ended
    std::size_t running() const;                  ///< running steps
    std::size_t waiting() const;                  ///< queued jobs: no step of theirs has been started

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace dkms
