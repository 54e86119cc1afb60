// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/beside.h"
#include "client/commands.h"
#include "client/follow.h"

namespace dkms {

/// What is written goes into a directory of the caller's, so it is written with the caller's rights.
int run_export(const Invocation& invocation, Console& console)
{
    Request request = invocation.request;
    request.handle = true;
    const bool packs_builds = builds_in(request.options.format) == PackedBuilds::wanted && !request.options.source_only;
    if (request.kernels.empty() && packs_builds) request.options.all = true;
    check(request);
    const Descriptor directory = open_for_output(invocation.path);
    const auto transport = choose_transport(invocation.places, true);
    const JobId job = transport->submit(request, directory.number()).job;
    const auto renderer = make_renderer(console, false, invocation.json, invocation.quiet);
    return follow_jobs(*transport, {job}, *renderer, OnInterrupt::cancel);
}

} // namespace dkms
