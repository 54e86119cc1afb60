// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/progress.h"

#include <string>

namespace dkms {

/// The command of dkmsctl that asks for such a job: "import", "export", "prune"; the request's own name, where there is
/// none.
std::string_view command_text(const Request& request);

/// What a job is doing: "building", "uninstalling", "waiting for dkmsd (pid 12)", "queued".
std::string activity_text(const JobProgress& job);

/// The same for a job as the service shows it.
std::string activity_text(const JobView& job);

/// "xtables-addons/3.23  6.12.117-amd64", the kernel padded to `kernel_columns`; the module alone where no kernel is
/// concerned.
std::string subject_text(const JobProgress& job, std::size_t kernel_columns);

/// How a job ended, in one line: "installed 23 modules in 13.1 s", "failed while building, after 1.0 s", "cancelled
/// after 3.0 s", "skipped: …".
std::string result_text(const JobProgress& job);

/// What a person has to know about a failed job: the first compiler error or the sentence, the hint, and where the log
/// is. Indented by two, one line each; empty when the job has no error of its own. `service`: the log is asked for by
/// the job's number.
std::string failure_details(const JobProgress& job, bool service);

/// A line for each file that the job has written: its path and size.
std::string packed_text(const JobProgress& job);

/// Two lines for each problem that the job has found.
std::string problems_text(const JobProgress& job);

/// A sentence for an event that people should hear of although the job goes on; empty for all others.
std::string notice_text(const Event& event);

/// An error that ended a command: "dkmsctl: sentence", and the hint below it.
std::string error_text(const Error& error);

} // namespace dkms
