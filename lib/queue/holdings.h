// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/queue/job_table.h"

#include <string_view>
#include <unordered_map>
#include <vector>

namespace dkms {

/// Who has which resource, or claims it. Refers to QueuedJob::needs of the jobs in `table`, which must not change while
/// it lives.
class Holdings {
public:
    explicit Holdings(const JobTable& table) : table_(table) {}

    /// `job` holds what it needs.
    void add(const QueuedJob& job);

    /// The jobs that keep `job` from what it needs, some perhaps more than once. A job above it does not: their
    /// resources are shared.
    std::vector<JobId> in_the_way_of(const QueuedJob& job) const;

private:
    struct Holder {
        JobId job;
        bool exclusive;
    };
    const JobTable& table_;
    std::unordered_map<std::string_view, std::vector<Holder>> holders_;
};

/// What the running steps hold.
Holdings held_by_running_steps(const JobTable& table);

} // namespace dkms
