// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/follow.h"
#include "client/json.h"
#include "lib/model/error.h"

#include <nlohmann/json.hpp>

namespace dkms {
namespace {

int report_accepted(const Invocation& invocation, const Transport::Accepted& accepted, Console& console)
{
    if (invocation.json)
        print_json(console, {{"job", accepted.job}, {"joined", accepted.joined}});
    else if (!invocation.quiet)
        console.out(invocation.request.module.text() + "  " + (accepted.joined ? "joined" : "accepted as") + " job " +
                    std::to_string(accepted.job) + "\n");
    return 0;
}

} // namespace

int run_change(const Invocation& invocation, Console& console)
{
    const auto transport = choose_transport(invocation.places, invocation.needs_stdio());
    const bool service = transport->jobs_outlive_client();
    if (invocation.no_wait && !service)
        throw Error(ErrorCode::not_supported,
                    {{"reason", "without the service a job ends with its command, so --no-wait "
                                "would end it at once"}});
    const Transport::Accepted accepted = transport->submit(invocation.request);
    if (invocation.no_wait) return report_accepted(invocation, accepted, console);
    const auto renderer = make_renderer(console, service, invocation.json, invocation.quiet);
    return follow_jobs(*transport, {accepted.job}, *renderer, OnInterrupt::cancel);
}

} // namespace dkms
