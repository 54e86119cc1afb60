// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"
#include "lib/model/job_plan.h"
#include "lib/model/request.h"
#include "lib/model/usage.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <vector>

namespace dkms {

/// Who asked for a job.
struct Caller {
    unsigned uid = 0;
    std::string name;    ///< unique bus name; empty without a bus
    bool waiting = true; ///< someone waits for the result: goes before background work

    bool operator==(const Caller&) const = default;
};

/// A job as it is shown: what the bus properties, `jobs` and the history say.
struct JobView {
    JobId id = 0;
    JobId parent = 0; ///< 0: none
    Request request;
    unsigned uid = 0;
    JobState state = JobState::queued;
    std::optional<StepKind> step; ///< the one that runs or ran last
    Stage stage = Stage::prepare;
    unsigned percent = 0; ///< 0…100, never going back
    bool cancelable = true;
    double queued_at = 0; ///< seconds since the epoch
    double ended_at = 0;
    std::optional<Result> result;
    std::optional<Error> error;
    Usage usage = {};           ///< of its steps that have ended; of a job with children, theirs too
    std::string waits_for = {}; ///< a sentence: why nothing of it runs now; empty: its turn has not come, or it runs
    bool unreadable = false;    ///< its record cannot be read; `error` says why, and nothing else is known of it
};

/// The error of a request for which the queue has no place, where `jobs` have not ended. Whoever waits for the result
/// may as well wait for a place. It is known by its sentence, which org.dkms1(5) promises.
Error full_queue(std::size_t jobs);
bool is_full_queue(const Error& error);

nlohmann::json to_json(const JobView& job);
JobView job_view_from_json(const nlohmann::json& value);

} // namespace dkms
