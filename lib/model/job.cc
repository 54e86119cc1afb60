// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/job.h"

#include <nlohmann/json.hpp>

namespace dkms {

using nlohmann::json;

namespace {

constexpr std::string_view unreadable = "unreadable"; // in the place of a state

constexpr std::string_view queue_is_full = " jobs have not ended";

} // namespace

Error full_queue(std::size_t jobs)
{
    return Error(ErrorCode::limits_exceeded, {{"reason", std::to_string(jobs) + std::string(queue_is_full)}});
}

bool is_full_queue(const Error& error)
{
    return error.code() == ErrorCode::limits_exceeded && error.message().find(queue_is_full) != std::string::npos;
}

json to_json(const JobView& job)
{
    json value{{"id", job.id},
               {"uid", job.uid},
               {"state", job.unreadable ? unreadable : name_of(job.state)},
               {"stage", name_of(job.stage)},
               {"percent", job.percent},
               {"cancelable", job.cancelable},
               {"queued_at", job.queued_at}};
    if (!job.unreadable) value["request"] = to_json(job.request);
    if (job.parent != 0) value["parent"] = job.parent;
    if (job.step) value["step"] = name_of(*job.step);
    if (job.ended_at > 0) value["ended_at"] = job.ended_at;
    if (job.result) value["result"] = name_of(*job.result);
    if (job.error) value["error"] = to_json(*job.error);
    if (!job.waits_for.empty()) value["waits"] = job.waits_for;
    if (job.usage != Usage{})
        value.update({{"cpu_seconds", job.usage.cpu_seconds}, {"peak_memory", job.usage.peak_memory}});
    return value;
}

JobView job_view_from_json(const json& value)
{
    JobView job;
    job.id = value.at("id").get<JobId>();
    job.parent = value.value("parent", JobId{0});
    job.uid = value.value("uid", 0U);
    job.state = job_state_of(value.at("state").get<std::string>()).value_or(JobState::queued);
    if (value.contains("step")) job.step = step_kind_of(value.at("step").get<std::string>());
    job.unreadable = value.at("state") == unreadable;
    if (job.unreadable)
        job.state = JobState::ended;
    else
        job.request = request_from_json(value.at("request"));
    job.waits_for = value.value("waits", "");
    job.stage = stage_of(value.value("stage", "prepare")).value_or(Stage::prepare);
    job.percent = value.value("percent", 0U);
    job.cancelable = value.value("cancelable", true);
    job.queued_at = value.value("queued_at", 0.0);
    job.ended_at = value.value("ended_at", 0.0);
    if (value.contains("result")) job.result = result_of(value.at("result").get<std::string>());
    if (value.contains("error")) job.error = error_from_json(value.at("error"));
    job.usage = {value.value("cpu_seconds", 0.0), value.value("peak_memory", std::uint64_t{0})};
    return job;
}

} // namespace dkms
