// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/journal.h"

#include <algorithm>

namespace dkms {
namespace {

constexpr auto longest_pause = std::chrono::seconds(30);

} // namespace

std::vector<JobView> Journal::unfinished()
{
    std::vector<JobView> result;
    for (JobView& job : store_.unfinished())
        if (job.result)
            ended(job);
        else
            result.push_back(std::move(job));
    return result;
}

std::optional<JobView> Journal::find(JobId job) const
{
    const auto found = unwritten_.find(job);
    return found != unwritten_.end() ? found->second : store_.find(job);
}

std::vector<JobView> Journal::all() const
{
    std::vector<JobView> result = store_.all();
    for (JobView& job : result)
        if (const auto found = unwritten_.find(job.id); found != unwritten_.end()) job = found->second;
    return result;
}

bool Journal::ended(const JobView& job)
{
    if (store_.try_ended(job)) return true;
    unwritten_.insert_or_assign(job.id, job);
    try_later();
    return false;
}

void Journal::try_again() noexcept
{
    std::erase_if(unwritten_, [this](const auto& entry) { return store_.try_ended(entry.second); });
    if (!unwritten_.empty()) return;
    pause_ = std::chrono::seconds(1);
    on_pause_end_ = Source();
}

void Journal::try_later()
{
    on_pause_end_ = loop_.after(pause_, [this] {
        pause_ = std::min<std::chrono::seconds>(2 * pause_, longest_pause);
        try_again();
        if (!unwritten_.empty()) try_later();
    });
}

void Journal::step_started(JobId job) noexcept
{
    if (running_[job]++ == 0 && !is_stopping_) store_.step_begins(job);
}

void Journal::step_ended(JobId job) noexcept
{
    const auto found = running_.find(job);
    if (found == running_.end() || --found->second > 0) return;
    running_.erase(found);
    store_.steps_have_ended(job);
}

void Journal::stopping() noexcept
{
    is_stopping_ = true;
    for (const auto& [job, steps] : running_) store_.steps_have_ended(job);
    try_again();
}

} // namespace dkms
