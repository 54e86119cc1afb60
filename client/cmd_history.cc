// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/history_table.h"
#include "client/json.h"
#include "client/transport.h"

#include <nlohmann/json.hpp>

namespace dkms {

int run_history(const Invocation& invocation, Console& console)
{
    const auto transport = choose_transport(invocation.places, invocation.needs_stdio());
    const std::vector<HistoryEntry> entries = transport->history(invocation.filter);
    if (invocation.json) {
        nlohmann::json value{{"history", nlohmann::json::array()}};
        for (const HistoryEntry& entry : entries) value["history"].push_back(to_json(entry));
        print_json(console, value);
        return 0;
    }
    if (entries.empty()) console.err("Nothing is known to have been installed.\n");
    console.out(history_table(entries, console.out_look.redraws ? console.width() : 0));
    return 0;
}

} // namespace dkms
