// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/actions.h"
#include "client/dkms/legacy_renderer.h"
#include "client/dkms/packaging.h"
#include "client/follow.h"

namespace dkms::legacy {

/// One that was chosen for something to load does for what follows as well.
Transport& Session::transport(int to_load)
{
    if (!transport_ || (to_load >= 0 && transport_->jobs_outlive_client())) {
        const bool needs_stdio = words_.places.any() || words_.options.names_files();
        transport_ = choose_transport(words_.places, needs_stdio, to_load);
    }
    return *transport_;
}

int Session::carry_out(const Request& request, Descriptor handle, const std::string& archive)
{
    try {
        Transport::Accepted accepted{};
        try {
            accepted = transport(request.verb == Verb::load ? handle.number() : -1).submit(request, handle.number());
        } catch (const Error& error) {
            if (error.code() != ErrorCode::access_denied || !transport_->jobs_outlive_client()) throw;
            transport_ = make_stdio_transport(words_.places);
            accepted = transport_->submit(request, handle.number());
        }
        LegacyRenderer renderer(console_, {words_.action, words_.options.verbose, archive}, said_);
        const int exit_code = follow_jobs(*transport_, {accepted.job}, renderer, OnInterrupt::cancel, exit_code_for);
        loaded_ = renderer.loaded();
        return exit_code;
    } catch (const Error& error) {
        return tell_refused(error, request, console_);
    }
}

std::vector<ModuleStatus> Session::status(const StatusFilter& filter) const
{
    return make_stdio_transport(words_.places)->status(filter);
}

int tell_refused(const Error& error, const Request& request, Console& console)
{
    Subject subject{request.verb, request.module, {running_release(), running_architecture()}};
    if (!request.kernels.empty()) subject.kernel = request.kernels.front();
    if (subject.kernel.arch.empty()) subject.kernel.arch = running_architecture();
    // Of several kernels the error names the one it is about.
    if (const std::string kernel = error.parameter("kernel"); !kernel.empty()) subject.kernel.release = kernel;
    console.err(error_text(error, subject));
    return exit_code_for(error, request);
}

} // namespace dkms::legacy
