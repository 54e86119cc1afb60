// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/renderer.h"
#include "client/transport.h"

#include <vector>

namespace dkms {

/// What SIGINT and SIGTERM do while a job is followed.
enum class OnInterrupt {
    cancel, ///< the job is cancelled and its end is waited for; a second signal leaves at once
    leave,  ///< the command ends at once, the job goes on
};

/// Shows the jobs to the renderer until all have ended, one after the other. Leaving at once ends the process with 130.
/// Throws Error, what Transport::follow throws.
void follow_to_end(Transport& transport, const std::vector<JobId>& jobs, Renderer& renderer, OnInterrupt on_interrupt);

/// What a command's exit code is when its jobs have ended.
using ExitCode = int (*)(const ProgressBoard& board);

/// The same, and then returns `exit_code` of the renderer's board, which it has been told.
int follow_jobs(Transport& transport, const std::vector<JobId>& jobs, Renderer& renderer, OnInterrupt on_interrupt,
                ExitCode exit_code = exit_code_of);

} // namespace dkms
