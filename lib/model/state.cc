// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/state.h"

#include "lib/model/error.h"
#include "lib/model/names.h"

#include <nlohmann/json.hpp>

#include <array>
#include <utility>

namespace dkms {
namespace {

using nlohmann::json;

constexpr NameTable<KernelState, 6> states{{"built", "installed", "installed-weak", "failed", "waiting", "skipped"}};

constexpr std::array<std::pair<const char*, bool KernelStatus::*>, 7> notes{
    {{"originals", &KernelStatus::originals},
     {"differs", &KernelStatus::differs},
     {"missing", &KernelStatus::missing},
     {"build_missing", &KernelStatus::build_missing},
     {"bad_record", &KernelStatus::bad_record},
     {"stale", &KernelStatus::stale},
     {"running", &KernelStatus::running}}};

constexpr std::array<std::pair<const char*, std::string StatusFilter::*>, 4> filters{
    {{"module", &StatusFilter::module},
     {"version", &StatusFilter::version},
     {"kernel", &StatusFilter::kernel},
     {"arch", &StatusFilter::arch}}};

} // namespace

std::string_view name_of(KernelState state) { return states.name(state); }
std::optional<KernelState> kernel_state_of(std::string_view name) { return states.value(name); }

json to_json(const StatusFilter& filter)
{
    json value = json::object();
    for (const auto& [name, member] : filters)
        if (!(filter.*member).empty()) value[name] = filter.*member;
    return value;
}

StatusFilter status_filter_from_json(const json& value)
{
    const auto refuse = [](const std::string& reason) { throw Error(ErrorCode::invalid_args, {{"reason", reason}}); };
    if (!value.is_object()) refuse("a filter is an object");
    StatusFilter filter;
    for (const auto& [key, member] : value.items()) {
        bool known = false;
        for (const auto& [name, target] : filters)
            if (key == name) {
                if (!member.is_string()) refuse("'" + key + "' must be a text");
                filter.*target = member.get<std::string>();
                known = true;
            }
        if (!known) refuse("there is no filter '" + key + "'");
    }
    return filter;
}

json to_json(const KernelStatus& status)
{
    json value{{"release", status.kernel.release}, {"arch", status.kernel.arch}, {"state", name_of(status.state)}};
    if (!status.note.empty()) value["note"] = status.note;
    if (!status.weak_from.empty()) value["weak_from"] = status.weak_from;
    if (!status.replaced_by.empty()) value["replaced_by"] = status.replaced_by;
    if (status.job) value["job"] = *status.job;
    if (!status.log.empty()) value["log"] = status.log;
    if (!status.opened.empty()) value["opened"] = status.opened;
    if (!status.failed_scripts.empty()) value["failed_scripts"] = status.failed_scripts;
    for (const auto& [name, member] : notes)
        if (status.*member) value[name] = true;
    return value;
}

KernelStatus kernel_status_from_json(const json& value)
{
    KernelStatus status;
    status.kernel = {value.at("release").get<std::string>(), value.at("arch").get<std::string>()};
    status.state = kernel_state_of(value.at("state").get<std::string>()).value_or(KernelState::built);
    status.note = value.value("note", "");
    status.weak_from = value.value("weak_from", "");
    status.replaced_by = value.value("replaced_by", "");
    if (value.contains("job")) status.job = value.at("job").get<JobId>();
    status.log = value.value("log", "");
    status.opened = value.value("opened", std::vector<std::string>{});
    status.failed_scripts = value.value("failed_scripts", std::vector<std::string>{});
    for (const auto& [name, member] : notes) status.*member = value.value(name, false);
    return status;
}

json to_json(const ModuleStatus& status)
{
    json value{{"name", status.module.name},
               {"version", status.module.version},
               {"broken", status.broken},
               {"source", status.source},
               {"kernels", json::array()}};
    for (const KernelStatus& kernel : status.kernels) value["kernels"].push_back(to_json(kernel));
    return value;
}

ModuleStatus module_status_from_json(const json& value)
{
    ModuleStatus status;
    status.module = {value.at("name").get<std::string>(), value.at("version").get<std::string>()};
    status.broken = value.value("broken", false);
    status.source = value.value("source", "");
    for (const json& kernel : value.at("kernels")) status.kernels.push_back(kernel_status_from_json(kernel));
    return status;
}

} // namespace dkms
