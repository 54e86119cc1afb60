// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/event.h"
#include "lib/model/job.h"
#include "lib/process/descriptor.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

namespace dkms {

/// How much of the past is kept: an ended job is forgotten when one of these is exceeded, the oldest first. The newest
/// job always stays, so that no number is given out twice.
struct HistoryLimits {
    std::size_t jobs = 1000;
    std::uintmax_t bytes = std::uintmax_t{256} * 1024 * 1024; ///< of records, events and logs together
    std::chrono::seconds age = std::chrono::hours(24 * 90);
};

/// The journal, logs and history of the service: <directory>/<id>/ with job.json (its JobView, and the version of this
/// format), events (one a line), log (what its steps printed), running (while a step of it runs) and resumed (how often
/// dkmsd has died meanwhile, a number). What accept() and try_ended() wrote is on disk when they return.
///
/// A record that cannot be read, or that a later version has written, is kept for as long as it is so: it may be of a
/// job that has still to be done. The same is true of a job without a result whose events cannot be read, since its end
/// may stand there.
class JobStore {
public:
    /// Nothing is written; what was begun and never promised is cleared away. A directory that is missing is made by
    /// accept(). Throws nothing that the disk is to blame for: see fault().
    explicit JobStore(std::filesystem::path directory, HistoryLimits limits = {});

    JobId next_id() const { return next_; } ///< one more than the highest id on disk
    /// Why the directory cannot be read: nothing is accepted then, as no number is known to be free.
    const std::optional<Error>& fault() const { return fault_; }

    /// `awaited`: a client waits for the result. Throws Error: TreeNotWritable, DiskFull, ReadFailed.
    void accept(const JobView& job, bool awaited);
    /// False if it could not be written: it counts as unfinished then.
    [[nodiscard]] bool try_ended(const JobView& job) noexcept;

    /// A step of it runs, or none runs any more. As far as it can be written.
    void step_begins(JobId job) noexcept;
    void steps_have_ended(JobId job) noexcept;
    /// An earlier instance's job is begun again. Returns how often dkmsd has died while a step of it ran, as far as
    /// that is known.
    unsigned take_up(JobId job) noexcept;
    /// Whether a client waited for it when it was accepted, as far as that is known.
    bool was_awaited(JobId job) const noexcept;

    /// Not durable, and not worth an error: what cannot be written is lost.
    void append(JobId job, const Event& event) noexcept;

    /// For the output of the job's steps, appended. An empty descriptor when it cannot be opened.
    Descriptor log_for_writing(JobId job) const;
    /// Read-only. Throw Error NoSuchJob.
    Descriptor open_events(JobId job) const;
    Descriptor open_log(JobId job) const;

    /// Nothing: there is none. One that cannot be read is `unreadable`.
    std::optional<JobView> find(JobId job) const;
    /// Those of which no result has been written, by id. One whose end stands in its events is as it says there; where
    /// that cannot be found out, it is `unreadable`.
    std::vector<JobView> unfinished() const;
    std::vector<JobView> all() const; ///< by id
    /// Forgets what is beyond the limits at the time `now`, in seconds since the epoch.
    void prune(double now) noexcept;

private:
    struct Past {
        double ended_at;
        std::uintmax_t bytes;
    };
    std::filesystem::path entry(JobId job) const;
    std::vector<JobId> ids() const;
    Descriptor open_part(JobId job, const char* part) const;
    std::optional<JobView> recorded_end(JobId job) const;
    void remember(const JobView& job) noexcept;

    std::filesystem::path directory_;
    HistoryLimits limits_;
    JobId next_ = 1;
    std::optional<Error> fault_;
    std::map<JobId, Past> ended_;
};

} // namespace dkms
