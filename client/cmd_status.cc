// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/json.h"
#include "client/status_table.h"
#include "client/transport.h"

#include <nlohmann/json.hpp>

namespace dkms {
namespace {

nlohmann::json json_of(const std::vector<ModuleStatus>& modules)
{
    nlohmann::json value{{"modules", nlohmann::json::array()}, {"running", running_release()}};
    for (const ModuleStatus& module : modules) value["modules"].push_back(to_json(module));
    return value;
}

} // namespace

int run_status(const Invocation& invocation, Console& console)
{
    const auto transport = choose_transport(invocation.places, invocation.needs_stdio());
    const std::vector<ModuleStatus> modules = transport->status(invocation.filter);
    if (invocation.json) {
        print_json(console, json_of(modules));
        return 0;
    }
    const bool complete = invocation.filter == StatusFilter{};
    if (modules.empty()) console.err(complete ? "There are no modules.\n" : "There are no such modules.\n");
    console.out(status_table(modules, console.out_look.redraws ? console.width() : 0, complete));
    return 0;
}

} // namespace dkms
