// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/json.h"
#include "client/transport.h"
#include "lib/model/error.h"

#include <nlohmann/json.hpp>

namespace dkms {

int run_cancel(const Invocation& invocation, Console& console)
{
    const JobId job = invocation.jobs.front();
    const auto transport = choose_transport({}, false);
    require_service(*transport);
    transport->cancel(job);
    if (invocation.json)
        print_json(console, {{"cancelled", job}});
    else
        console.out("job " + std::to_string(job) + " is being cancelled\n");
    return 0;
}

} // namespace dkms
