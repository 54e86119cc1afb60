// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/jobs_table.h"
#include "client/json.h"
#include "client/transport.h"

#include <nlohmann/json.hpp>

namespace dkms {

int run_jobs(const Invocation& invocation, Console& console)
{
    const auto transport = choose_transport({}, false);
    const std::vector<JobView> jobs = invocation.every ? transport->all_jobs() : transport->jobs();
    if (invocation.json) {
        nlohmann::json value{{"jobs", nlohmann::json::array()}};
        for (const JobView& job : jobs) value["jobs"].push_back(to_json(job));
        print_json(console, value);
        return 0;
    }
    if (jobs.empty())
        console.err(transport->jobs_outlive_client() ? "There are no jobs.\n"
                                                     : "There are no jobs: dkmsd.service does not run.\n");
    console.out(jobs_table(jobs, console.out_look.redraws ? console.width() : 0));
    return 0;
}

} // namespace dkms
