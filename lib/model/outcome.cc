// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/outcome.h"

#include "lib/model/protocol_line.h"

#include <nlohmann/json.hpp>

namespace dkms {

using nlohmann::json;

json to_json(const Outcome& outcome)
{
    json value{{"result", name_of(outcome.result)}};
    if (outcome.error) value["error"] = to_json(*outcome.error);
    for (const Step& step : outcome.follow_up) value["follow_up"].push_back(to_json(step));
    for (const JobPlan& job : outcome.jobs) value["jobs"].push_back(to_json(job));
    if (outcome.usage)
        value.update({{"cpu_seconds", outcome.usage->cpu_seconds}, {"peak_memory", outcome.usage->peak_memory}});
    return value;
}

Outcome outcome_from_json(const json& value)
{
    Outcome outcome;
    const auto result = result_of(value.at("result").get<std::string>());
    if (!result) throw Error(ErrorCode::internal, {{"reason", "unknown result " + value.at("result").dump()}});
    outcome.result = *result;
    if (value.contains("error")) outcome.error = error_from_json(value.at("error"));
    for (const json& step : value.value("follow_up", json::array())) outcome.follow_up.push_back(step_from_json(step));
    for (const json& job : value.value("jobs", json::array())) outcome.jobs.push_back(job_plan_from_json(job));
    if (value.contains("cpu_seconds"))
        outcome.usage = Usage{value.at("cpu_seconds").get<double>(), value.value("peak_memory", std::uint64_t{0})};
    return outcome;
}

std::string to_line(const Outcome& outcome)
{
    json value = to_json(outcome);
    if (outcome.error) value["error"] = shortened(std::move(value["error"]));
    return protocol_line(value);
}

} // namespace dkms
