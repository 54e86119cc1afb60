// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/names.h"
#include "lib/plan/needs.h"

#include <nlohmann/json.hpp>

namespace dkms {
namespace {

using nlohmann::json;

constexpr NameTable<NeedKind, 8> kinds{
    {"none", "install", "rebuild", "waiting", "excluded", "deferred", "broken", "unknown"}};

json to_json(const ModuleNeed& need)
{
    json value{{"name", need.module.name},
               {"version", need.module.version},
               {"action", name_of(need.kind)},
               {"reason", need.reason},
               {"installed", need.installed}};
    if (!need.after.empty()) value["after"] = need.after;
    if (!need.changed_kind.empty()) value["changed"] = {{"what", need.changed_kind}, {"path", need.changed_path}};
    return value;
}

ModuleNeed module_need_from_json(const json& value)
{
    ModuleNeed need;
    need.module = {value.at("name").get<std::string>(), value.at("version").get<std::string>()};
    need.kind = kinds.value(value.at("action").get<std::string>()).value_or(NeedKind::unknown);
    need.reason = value.value("reason", "");
    need.installed = value.value("installed", false);
    need.after = value.value("after", std::vector<std::string>{});
    if (value.contains("changed")) {
        need.changed_kind = value.at("changed").value("what", "");
        need.changed_path = value.at("changed").value("path", "");
    }
    return need;
}

} // namespace

std::string_view name_of(NeedKind kind) { return kinds.name(kind); }

json to_json(const KernelNeeds& needs)
{
    json value{{"kernel", needs.kernel.release}, {"arch", needs.kernel.arch}, {"modules", json::array()}};
    for (const ModuleNeed& one : needs.modules) value["modules"].push_back(to_json(one));
    if (!needs.cycles.empty()) value["cycles"] = needs.cycles;
    for (const Step& step : needs.pending) value["pending"].push_back(to_json(step));
    if (!needs.switched_off.empty()) value["switched_off"] = needs.switched_off;
    return value;
}

KernelNeeds kernel_needs_from_json(const json& value)
{
    KernelNeeds needs;
    needs.kernel = {value.at("kernel").get<std::string>(), value.value("arch", "")};
    for (const json& one : value.at("modules")) needs.modules.push_back(module_need_from_json(one));
    needs.cycles = value.value("cycles", std::vector<std::vector<std::string>>{});
    if (value.contains("pending"))
        for (const json& step : value.at("pending")) needs.pending.push_back(step_from_json(step));
    needs.switched_off = value.value("switched_off", "");
    return needs;
}

} // namespace dkms
