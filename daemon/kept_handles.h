// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/job.h"
#include "lib/process/descriptor.h"

#include <filesystem>
#include <map>
#include <vector>

namespace dkms {

/// What lies beside requests, over a restart of the service. The service manager keeps the descriptors, if there is one
/// that does (FDSTORE of sd_notify(3)). Besides, of what is read it is written down where it lies and what it is,
/// <directory>/<id>/handle, so that it is found where no manager keeps it: only the same file or directory is, and not
/// another one of its name.
class KeptHandles {
public:
    /// `directory`: of the jobs, see JobStore. Takes over what the service manager has kept for an earlier instance. To
    /// be made once in a process.
    explicit KeptHandles(std::filesystem::path directory);

    /// An accepted job has `handle`. Throws Error TreeNotWritable, DiskFull, ReadFailed.
    void keep(JobId job, const Descriptor& handle);
    /// That of a job of an earlier instance; empty when it cannot be had any more.
    Descriptor take(JobId job);
    /// Those that an earlier instance had no time to drop: of jobs that are none of these.
    void drop_others(const std::vector<JobView>& unfinished);
    /// It is not needed any more, be there one or not.
    void drop(JobId job) noexcept;

private:
    std::filesystem::path directory_;
    std::map<JobId, Descriptor> earlier_;
};

} // namespace dkms
