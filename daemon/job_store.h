// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/event.h"
#include "lib/model/job.h"
#include "lib/process/descriptor.h"

#include <filesystem>
#include <optional>
#include <vector>

namespace dkms {

/// The journal, logs and history of the service: <directory>/<id>/ with job.json (its JobView), events (one a line),
/// log (what its steps printed) and resumed (how often, a number). What accept() and try_ended() wrote is on disk when
/// they return. The newest 500 ended jobs are kept.
class JobStore {
public:
    /// Makes the directory (0755) where it is missing. Throws Error TreeNotWritable.
    explicit JobStore(std::filesystem::path directory);

    JobId next_id() const { return next_; } ///< one more than the highest id on disk

    /// Throw Error: TreeNotWritable, DiskFull.
    void accept(const JobView& job);
    /// False if it could not be written: it counts as unfinished then.
    [[nodiscard]] bool try_ended(const JobView& job) noexcept;

    /// An earlier instance's job is begun again. Returns how often that has happened, this time included, as far as it
    /// could be written.
    unsigned take_up(JobId job) noexcept;

    /// Not durable, and not worth an error: what cannot be written is lost.
    void append(JobId job, const Event& event) noexcept;

    /// For the output of the job's steps, appended. An empty descriptor when it cannot be opened.
    Descriptor log_for_writing(JobId job) const;
    /// Read-only. Throw Error NoSuchJob.
    Descriptor open_events(JobId job) const;
    Descriptor open_log(JobId job) const;

    std::optional<JobView> find(JobId job) const;
    std::vector<JobView> unfinished() const; ///< by id
    void prune();                            ///< forgets the oldest ended jobs beyond the limit

private:
    std::filesystem::path entry(JobId job) const;
    std::vector<JobId> ids() const;
    Descriptor open_part(JobId job, const char* part) const;

    std::filesystem::path directory_;
    JobId next_ = 1;
};

} // namespace dkms
