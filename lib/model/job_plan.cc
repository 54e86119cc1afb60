// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/job_plan.h"

#include <nlohmann/json.hpp>

namespace dkms {

using nlohmann::json;

json to_json(const JobPlan& plan)
{
    json value{{"request", to_json(plan.request)}};
    for (const Step& step : plan.steps) value["steps"].push_back(to_json(step));
    for (const JobPlan& child : plan.children) value["children"].push_back(to_json(child));
    if (!plan.after.empty()) value["after"] = plan.after;
    for (const Step& step : plan.at_end) value["at_end"].push_back(to_json(step));
    return value;
}

JobPlan job_plan_from_json(const json& value)
{
    JobPlan plan;
    plan.request = request_from_json(value.at("request"));
    for (const json& step : value.value("steps", json::array())) plan.steps.push_back(step_from_json(step));
    for (const json& child : value.value("children", json::array())) plan.children.push_back(job_plan_from_json(child));
    plan.after = value.value("after", std::vector<std::size_t>{});
    for (const json& step : value.value("at_end", json::array())) plan.at_end.push_back(step_from_json(step));
    return plan;
}

} // namespace dkms
