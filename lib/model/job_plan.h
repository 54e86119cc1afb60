// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/request.h"
#include "lib/model/step.h"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <vector>

namespace dkms {

/// A request turned into work: the steps of one kernel, in order; or, for several kernels or modules, children with
/// one each. With both, the steps run before the children; when one of them fails, the children are cancelled. Made by
/// lib/plan, run by lib/queue.
struct JobPlan {
    Request request;
    std::vector<Step> steps;
    std::vector<JobPlan> children;
    std::vector<std::size_t> after = {}; ///< of a child: positions of the children that have to have ended before it
    std::vector<Step> at_end = {};       ///< of the outermost plan: steps that run at the end, whatever became of it

    bool operator==(const JobPlan&) const = default;
};

/// {"request":{…},"steps":[…],"children":[…],"after":[0],"at_end":[…]}; what is empty is left out.
nlohmann::json to_json(const JobPlan& plan);
JobPlan job_plan_from_json(const nlohmann::json& value);

} // namespace dkms
