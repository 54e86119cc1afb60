// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"
#include "lib/model/request.h"
#include "lib/model/step.h"

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

/// A request turned into work: the steps of one kernel, in order; or, for several kernels, children with one each. With
/// both, the steps run before the children; when one of them fails, the children are cancelled. Made by lib/plan, run
/// by lib/queue.
struct JobPlan {
    Request request;
    std::vector<Step> steps;
    std::vector<JobPlan> children;
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
};

nlohmann::json to_json(const JobView& job);
JobView job_view_from_json(const nlohmann::json& value);

} // namespace dkms
