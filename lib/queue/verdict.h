// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/queue/job_table.h"

namespace dkms {

/// The verdict of a job that ends with this outcome of a step. A missing error is added.
Verdict verdict_from(Outcome outcome);
Verdict cancelled_verdict();

/// Of a job that is stopped before it came to its end: with the error of what it is a part of, when that has failed.
Verdict stopped_verdict(const QueuedJob& job);

/// Whether no further step of a job runs after one with this outcome.
bool ends_job(const Outcome& outcome);

/// The verdict of a job whose own steps came through and whose children, if any, have ended. With children it is
/// theirs: failed with the error of the first that failed, cancelled if one was cancelled, skipped when all were. Jobs
/// that were asked for from inside do not count: their askers know.
Verdict verdict_of(const JobTable& table, const QueuedJob& job);

/// Replaces the verdict of `job` unless it has already failed or been cancelled.
void worsen(QueuedJob& job, Verdict verdict);

} // namespace dkms
