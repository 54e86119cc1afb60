// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/work_order.h"

#include <nlohmann/json.hpp>

namespace dkms {

using nlohmann::json;

std::string worker_protocol() { return "3 " DKMS_VERSION; }

std::map<std::string, std::string> service_settings() { return {{"sandbox", "required"}}; }

json to_json(const WorkOrder& order)
{
    return {{"step", to_json(order.step)},
            {"places", to_json(order.places)},
            {"job", order.job},
            {"jobserver", order.jobserver},
            {"handle", order.handle},
            {"settings", order.settings},
            {"uid", order.uid},
            {"background", order.background}};
}

WorkOrder work_order_from_json(const json& value)
{
    return {step_from_json(value.at("step")), places_from_json(value.at("places")),
            value.at("job").get<JobId>(),     value.at("jobserver").get<bool>(),
            value.at("handle").get<bool>(),   value.at("settings").get<std::map<std::string, std::string>>(),
            value.at("uid").get<unsigned>(),  value.at("background").get<bool>()};
}

} // namespace dkms
