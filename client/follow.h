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

/// What a command's exit code is when its jobs have ended.
using ExitCode = int (*)(const ProgressBoard& board);

/// Shows the jobs to the renderer until all have ended, one after the other, and returns `exit_code` of its board.
/// Leaving at once ends the process with 130. Throws Error, what Transport::follow throws.
int follow_jobs(Transport& transport, const std::vector<JobId>& jobs, Renderer& renderer, OnInterrupt on_interrupt,
                ExitCode exit_code = exit_code_of);

} // namespace dkms
