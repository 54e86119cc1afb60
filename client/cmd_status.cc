// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/json.h"
#include "client/missing_modules.h"
#include "client/name_help.h"
#include "client/status_table.h"
#include "client/transport.h"

#include <nlohmann/json.hpp>

namespace dkms {
namespace {

nlohmann::json json_of(const std::vector<ModuleStatus>& modules, const nlohmann::json& gaps)
{
    nlohmann::json value{{"modules", nlohmann::json::array()}, {"running", running_release()}};
    for (const ModuleStatus& module : modules) value["modules"].push_back(to_json(module));
    if (!gaps.is_null()) value["kernels_missing_modules"] = gaps;
    return value;
}

/// Null where only a module was asked for.
nlohmann::json gaps_for(Transport& transport, const StatusFilter& filter)
{
    if (!filter.module.empty()) return nullptr;
    return gaps_within(transport.kernels_missing_modules(), filter);
}

std::string none_text(const StatusFilter& filter, Transport& transport)
{
    std::string near = filter.module.empty() ? "" : near_module({filter.module, filter.version}, transport);
    return "There are no such modules." + (near.empty() ? "" : " " + near) + "\n";
}

} // namespace

int run_status(const Invocation& invocation, Console& console)
{
    const auto transport = choose_transport(invocation.places, invocation.needs_stdio());
    const std::vector<ModuleStatus> modules = transport->status(invocation.filter);
    const nlohmann::json gaps = gaps_for(*transport, invocation.filter);
    if (invocation.json) {
        print_json(console, json_of(modules, gaps));
        return 0;
    }
    const bool complete = invocation.filter == StatusFilter{};
    if (modules.empty())
        console.err(complete ? "No modules are registered.\n" : none_text(invocation.filter, *transport));
    console.out(status_table(modules, console.out_look.redraws ? console.width() : 0,
                             gaps.is_null() ? "" : gap_sentences(gaps)));
    return 0;
}

} // namespace dkms
