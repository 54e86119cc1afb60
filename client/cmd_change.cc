// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/change.h"
#include "client/follow.h"
#include "client/json.h"
#include "client/name_help.h"
#include "client/wording.h"
#include "lib/model/error.h"

#include <nlohmann/json.hpp>

namespace dkms {
namespace {

void report_accepted(const Invocation& invocation, const Transport::Accepted& accepted, Console& console)
{
    const Request& request = invocation.request;
    const std::string subject =
        request.module.name.empty() ? std::string(command_text(request)) : request.module.text();
    if (invocation.json)
        print_json(console, {{"job", accepted.job}, {"joined", accepted.joined}});
    else if (!invocation.quiet)
        console.out(subject + "  " + (accepted.joined ? "joined" : "accepted as") + " job " +
                    std::to_string(accepted.job) + "\n");
}

/// The request as it is meant: the service takes a module with several versions for an error.
Request meant(const Invocation& invocation, Transport& transport)
{
    Request request = invocation.request;
    // Only --all takes a version out of the tree; without it the builds go.
    if (request.verb == Verb::remove && !request.options.all) request.verb = Verb::unbuild;
    if (!invocation.newest) return request;
    for (const ModuleStatus& one : transport.status({request.module.name, "", "", ""}))
        if (request.module.version.empty() || compare_versions(one.module.version, request.module.version) > 0)
            request.module.version = one.module.version;
    return request;
}

Transport::Accepted submitted(const Invocation& invocation, Transport& transport)
{
    try {
        return transport.submit(meant(invocation, transport), -1, !invocation.no_wait);
    } catch (const Error& error) {
        throw with_near_name(error, transport);
    }
}

} // namespace

Submitted submit_change(const Invocation& invocation, Console& console)
{
    auto transport = choose_transport(invocation.places, invocation.needs_stdio());
    if (invocation.no_wait && !transport->jobs_outlive_client())
        throw Error(ErrorCode::not_supported,
                    {{"reason", "without the service a job ends with its command, so --no-wait "
                                "would end it at once"}});
    const Transport::Accepted accepted = submitted(invocation, *transport);
    if (!invocation.no_wait) return {std::move(transport), accepted.job};
    report_accepted(invocation, accepted, console);
    return {std::move(transport), std::nullopt};
}

int run_prune(const Invocation& invocation, Console& console)
{
    Invocation prune = invocation;
    prune.request.options.all = true; // instead of one kernel, all that are gone
    return run_change(prune, console);
}

int run_change(const Invocation& invocation, Console& console)
{
    const auto [transport, job] = submit_change(invocation, console);
    if (!job) return 0;
    const auto renderer = make_renderer(console, transport->jobs_outlive_client(), invocation.json, invocation.quiet);
    const int code = follow_jobs(*transport, {*job}, *renderer, OnInterrupt::cancel);
    const Request& request = invocation.request;
    const bool stays = request.verb == Verb::remove && !request.options.all;
    if (code == 0 && stays && !invocation.json && !invocation.quiet)
        console.out(request.module.text() + " stays in the tree; remove --all takes it out.\n");
    return code;
}

} // namespace dkms
