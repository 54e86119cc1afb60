// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/event.h"
#include "lib/model/job.h"
#include "lib/model/problem.h"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dkms {

/// What is known about one job from the events seen so far.
struct JobProgress {
    JobId id = 0;
    JobId parent = 0;             ///< 0: none
    bool has_children = false;    ///< it only holds others together, unless it has a step of its own
    Request request;              ///< as accepted
    std::optional<StepKind> step; ///< the one that runs or ran last
    std::string version;          ///< that it is about, where the request does not say (rollback)
    std::optional<Stage> stage;   ///< the last one reported; absent before the first
    unsigned percent = 0;         ///< the highest reported: a bar never goes back
    bool is_estimated = true;     ///< false: it builds, and nothing is known to estimate that by
    std::size_t objects = 0;      ///< compiled so far, as far as they could be counted
    std::string waiting_for;      ///< who holds the tree's lock; empty when nothing is waited for
    std::string waits_because;    ///< a sentence: why the tree cannot be changed now; empty when it can
    KernelId kernel;              ///< empty: concerns no kernel, or it is not known yet
    double queued_at = 0;         ///< seconds since the epoch
    double started_at = 0;        ///< 0: not yet
    std::size_t modules_built = 0;
    std::size_t files_installed = 0;
    std::size_t files_deleted = 0;
    std::string loaded;            ///< "M/V" of what a load job has found; empty before that
    std::string file;              ///< of a load job: how the person who asked calls what is loaded; may be empty
    std::vector<Problem> problems; ///< that a check has found
    std::vector<Event> packed;     ///< the files that were written, each as its event has it
    std::optional<JobView> ended;  ///< how it ended

    bool failed() const;    ///< ended failed or cancelled
    bool waits() const;     ///< failed as one of a kernel's modules, for want of the kernel's headers
    bool given_up() const;  ///< was_given_up()
    bool excluded() const;  ///< ended skipped because the module is not meant for the kernel
    double seconds() const; ///< from its start to its end; 0 before that
};

/// Keeps the progress of all jobs that events speak of: one job, or a job and its children.
class ProgressBoard {
public:
    /// What a job loads that does not know its module yet.
    void set_file(std::string name) { file_ = std::move(name); }

    /// Takes an event in and returns the job it is about.
    const JobProgress& apply(const Event& event);

    /// Jobs that run or wait and have something to show, in the order of their ids.
    std::vector<const JobProgress*> running() const;
    /// Jobs whose end is worth a line of its own, in the order of their ids: all but those whose children say it
    /// already.
    std::vector<const JobProgress*> results() const;
    /// Whether `job` is one of results().
    bool is_result(const JobProgress& job) const;
    /// The children of the outermost job, in the order of their ids.
    std::vector<const JobProgress*> parts() const;
    /// The job that holds all others together, or the only one; nullptr before any is known.
    const JobProgress* outermost() const;
    /// Columns of the widest kernel name seen so far.
    std::size_t kernel_columns() const { return kernel_columns_; }

private:
    JobProgress& job(JobId id);
    void begin_again(JobProgress& job);
    void accept(JobProgress& job, const Event& event);
    void end(JobProgress& job, const Event& event);
    void set_kernel(JobProgress& job, const KernelId& kernel);
    std::map<JobId, JobProgress> jobs_;
    std::set<JobId> with_failed_child_;
    std::string file_;
    std::size_t kernel_columns_ = 0;
};

/// Whether it ended cancelled, with the error of a step that it needs, of what it is a part of. It was
/// not cancelled by a person.
bool was_given_up(const JobView& job);

/// Exit code for a job that ended like this: that of its error for its verb; 0 when it is done or there was nothing to
/// do.
int exit_code_of(const JobView& job);

/// Exit code for all results of the board: what concerns a whole kernel has that of the whole; else that of the first
/// job that failed; else 77 when the module is not meant for any of the kernels; else 0.
int exit_code_of(const ProgressBoard& board);

} // namespace dkms
