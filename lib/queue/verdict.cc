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

/// What is said of a whole kernel: which of its modules failed. When all of them lack the headers, that is said.
Verdict kernel_verdict(const JobTable& table, const QueuedJob& job, const Verdict& first, ErrorCode code)
{
    std::string names;
    bool only_headers = true;
    for (const JobId id : job.children) {
        const QueuedJob& child = table.at(id);
        if (child.verdict->result != Result::failed) continue;
        names += (names.empty() ? "" : ", ") + child.request.module.text();
        only_headers &= child.verdict->error && lacks_headers(*child.verdict->error);
    }
    if (only_headers) return first;
    const std::string kernel = job.request.kernels.empty() ? std::string() : job.request.kernels.front().release;
    return {Result::failed, Error(code, {{"kernel", kernel}, {"modules", names}})};
}

/// `first` is the verdict of the first child that failed.
Verdict failed_verdict(const JobTable& table, const QueuedJob& job, const Verdict& first)
{
    switch (job.request.verb) {
    case Verb::autoinstall:
        return kernel_verdict(table, job, first, ErrorCode::autoinstall_failed);
    case Verb::kernel_preinst:
    case Verb::kernel_prerm:
        return kernel_verdict(table, job, first, ErrorCode::kernel_cleanup_failed);
    default:
        return first;
    }
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

Verdict stopped_verdict(const QueuedJob& job)
{
    if (!job.given_up_for) return cancelled_verdict();
    return {Result::cancelled, job.given_up_for};
}

bool ends_job(const Outcome& outcome)
{
    switch (outcome.result) {
    case Result::failed:
    case Result::cancelled:
        return true;
    case Result::skipped:
        return outcome.error.has_value();
    case Result::done:
        break;
    }
    return false;
}

Verdict verdict_of(const JobTable& table, const QueuedJob& job)
{
    if (job.children.empty()) return {job.all_skipped ? Result::skipped : Result::done, std::nullopt};
    if (const Verdict* failed = first_with(table, job, Result::failed)) return failed_verdict(table, job, *failed);
    if (const Verdict* cancelled = first_with(table, job, Result::cancelled)) return *cancelled;
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
