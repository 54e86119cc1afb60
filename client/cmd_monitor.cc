// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/jobs_table.h"
#include "client/json.h"
#include "client/transport.h"
#include "client/wakeups.h"

#include <nlohmann/json.hpp>

#include <csignal>

namespace dkms {

int run_monitor(const Invocation& invocation, Console& console)
{
    const auto transport = choose_transport({}, false);
    require_service(*transport);
    std::signal(SIGPIPE, SIG_DFL); // ends with its reader
    const Wakeups wakeups(std::chrono::milliseconds(0));
    transport->monitor(
        [&](const JobView& job) {
            if (invocation.json)
                print_json(console, to_json(job));
            else
                console.out(job_line(job));
        },
        wakeups.descriptor());
    return 0;
}

} // namespace dkms
