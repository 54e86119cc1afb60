// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/json.h"
#include "client/table.h"
#include "client/text.h"
#include "client/transport.h"

#include <nlohmann/json.hpp>

#include <map>

namespace dkms {
namespace {

using nlohmann::json;

/// What a person reads for KernelNeeds' "action".
std::string action_text(const json& module)
{
    static const std::map<std::string, std::string> texts{
        {"none", "nothing"}, {"excluded", "skip"}, {"waiting", "wait"}, {"deferred", "defer"}};
    const std::string action = module.value("action", "");
    const auto found = texts.find(action);
    return printable(found == texts.end() ? action : found->second);
}

std::string reason_text(const json& module)
{
    const std::string reason = printable(module.value("reason", ""));
    return module.value("action", "") == "deferred" ? "not in the tree: " + reason : reason;
}

std::string joined(const json& names)
{
    std::string text;
    for (const json& name : names) text += (text.empty() ? "" : ", ") + printable(name.get<std::string>());
    return text;
}

void add_rows(std::vector<TableRow>& rows, const json& kernel)
{
    for (const json& module : kernel.at("modules"))
        rows.push_back({printable(module.value("name", "")), printable(module.value("version", "")),
                        printable(kernel.value("kernel", "")), action_text(module), reason_text(module)});
}

/// What concerns the kernel as a whole.
std::string sentences(const json& kernel)
{
    std::string text;
    if (kernel.contains("switched_off"))
        text += printable(kernel.value("switched_off", "")) + " exists: nothing is done by itself.\n";
    if (kernel.contains("cycles"))
        for (const json& cycle : kernel.at("cycles"))
            text += "BUILD_DEPENDS goes in a circle: " + joined(cycle) + ".\n";
    if (!kernel.contains("pending")) return text;
    for (const json& step : kernel.at("pending"))
        text += "Left to be done for " + printable(kernel.value("kernel", "")) + ": " +
                printable(step.value("step", "")) + ".\n";
    return text;
}

} // namespace

int run_plan(const Invocation& invocation, Console& console)
{
    const json kernels = make_stdio_transport(invocation.places)->needs(invocation.request.kernels);
    if (invocation.json) {
        print_json(console, {{"kernels", kernels}});
        return 0;
    }
    std::vector<TableRow> rows{{"MODULE", "VERSION", "KERNEL", "ACTION", "REASON"}};
    std::string below;
    for (const json& kernel : kernels) {
        add_rows(rows, kernel);
        below += sentences(kernel);
    }
    if (rows.size() > 1) console.out(table_text(rows, console.out_look.redraws ? console.width() : 0));
    console.out(below);
    return 0;
}

} // namespace dkms
