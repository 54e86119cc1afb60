// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/beside.h"
#include "client/commands.h"
#include "client/follow.h"

namespace dkms {

int run_import(const Invocation& invocation, Console& console)
{
    const Descriptor source = open_for_loading(invocation.path);
    const auto transport = choose_transport(invocation.places, invocation.needs_stdio(), source.number());
    const JobId job = transport->submit(invocation.request, source.number()).job;
    const auto renderer = make_renderer(console, transport->jobs_outlive_client(), invocation.json, invocation.quiet);
    const auto& path = invocation.path;
    renderer->set_file(path.has_filename() ? path.filename() : path.parent_path().filename());
    return follow_jobs(*transport, {job}, *renderer, OnInterrupt::cancel);
}

} // namespace dkms
