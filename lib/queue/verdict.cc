// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/verdict.h"

namespace dkms {
namespace {

const Verdict* first_with(const JobTable& table, const QueuedJob& job, Result result)
{
    for (const JobId child : job.children) {
        const Verdict& verdict = *table.at(child).verdict;
        if (verdict.result == result) return &verdict;
    }
    return nullptr;
}

} // namespace

Verdict verdict_from(Outcome outcome)
{
    if (!outcome.error && outcome.result == Result::failed)
        outcome.error = Error(ErrorCode::internal, {{"reason", "a step failed and did not say why"}});
    if (!outcome.error && outcome.result == Result::cancelled) outcome.error = Error(ErrorCode::cancelled);
    return {outcome.result, std::move(outcome.error)};
}

Verdict cancelled_verdict() { return {Result::cancelled, Error(ErrorCode::cancelled)}; }

bool ends_job(const Outcome& outcome)
{
    switch (outcome.result) {
    case Result::failed:
    case Result::cancelled:
        return true;
    case Result::skipped:
        return outcome.error && outcome.error->code() == ErrorCode::build_excluded;
    case Result::done:
        break;
    }
    return false;
}

Verdict verdict_of(const JobTable& table, const QueuedJob& job)
{
    if (job.children.empty()) return {job.all_skipped ? Result::skipped : Result::done, std::nullopt};
    for (const Result bad : {Result::failed, Result::cancelled})
        if (const Verdict* child = first_with(table, job, bad)) return *child;
    if (first_with(table, job, Result::done) != nullptr) return {Result::done, std::nullopt};
    for (const JobId child : job.children)
        if (table.at(child).verdict->error) return *table.at(child).verdict;
    return {Result::skipped, std::nullopt};
}

void worsen(QueuedJob& job, Verdict verdict)
{
    if (job.verdict && (job.verdict->result == Result::failed || job.verdict->result == Result::cancelled)) return;
    job.verdict = std::move(verdict);
}

} // namespace dkms
