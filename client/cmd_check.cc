// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/change.h"
#include "client/follow.h"

#include <algorithm>

namespace dkms {
namespace {

/// 1 while something is wrong.
int exit_code_of_check(const ProgressBoard& board)
{
    const auto results = board.results();
    const bool is_sound = std::all_of(results.begin(), results.end(), [](const JobProgress* job) {
        return std::all_of(job->problems.begin(), job->problems.end(), [](const Problem& one) { return one.repaired; });
    });
    const int failed = exit_code_of(board);
    return failed != 0 ? failed : is_sound ? 0 : 1;
}

} // namespace

int run_check(const Invocation& invocation, Console& console)
{
    const auto [transport, job] = submit_change(invocation, console);
    const auto renderer = make_renderer(console, transport->jobs_outlive_client(), invocation.json, invocation.quiet);
    return follow_jobs(*transport, {*job}, *renderer, OnInterrupt::cancel, exit_code_of_check);
}

} // namespace dkms
