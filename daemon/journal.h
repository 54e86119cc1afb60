// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/job_store.h"
#include "daemon/loop.h"

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

namespace dkms {

/// What the service writes down while its jobs run, also when that cannot be written at once: a result is tried again
/// until it is on disk, at once when a further job is accepted and before the service ends.
class Journal {
public:
    Journal(Loop& loop, std::filesystem::path directory) : loop_(loop), store_(std::move(directory)) {}

    JobStore& store() { return store_; }
    const JobStore& store() const { return store_; }

    /// What an earlier instance has accepted and not ended, by id.
    std::vector<JobView> unfinished();
    /// As the store has it, and with results that it does not have yet.
    std::optional<JobView> find(JobId job) const;
    std::vector<JobView> all() const;

    /// Whether the result is on disk now.
    bool ended(const JobView& job);
    void try_again() noexcept;

    /// A step of a job of the outermost one `job` runs from here on, or has ended. What runs when the service dies
    /// without a word counts as tried (JobStore::take_up).
    void step_started(JobId job) noexcept;
    void step_ended(JobId job) noexcept;
    /// The service is going to end, and has been told to: nothing that runs has anything to do with it.
    void stopping() noexcept;

private:
    void try_later();

    Loop& loop_;
    JobStore store_;
    std::map<JobId, JobView> unwritten_;
    std::map<JobId, unsigned> running_; ///< steps of each outermost job
    bool is_stopping_ = false;
    std::chrono::seconds pause_ = std::chrono::seconds(1);
    Source on_pause_end_;
};

} // namespace dkms
