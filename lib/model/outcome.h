// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"
#include "lib/model/job_plan.h"
#include "lib/model/usage.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// How a step ended.
struct Outcome {
    Result result = Result::done;
    std::optional<Error>
        error; ///< with failed, cancelled; skipped, when a module is left out (BuildExcluded, NothingInstallable)
    std::vector<Step> follow_up = {}; ///< to run once at the end of the outermost job, whoever asks for them
    std::vector<JobPlan> jobs = {};   ///< what the step has found to be needed: further children of its job
    std::optional<Usage> usage = {};  ///< absent: nobody measured it

    bool operator==(const Outcome&) const = default;
};

/// {"result":"done","error":{…},"follow_up":[…],"jobs":[…],"cpu_seconds":…,"peak_memory":…}; what is empty is left out.
nlohmann::json to_json(const Outcome& outcome);
Outcome outcome_from_json(const nlohmann::json& value);

/// One line for a pipe, newline included. As long as the jobs in it make it; the error is shortened().
std::string to_line(const Outcome& outcome);

} // namespace dkms
