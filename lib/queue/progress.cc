// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/progress.h"

#include <algorithm>

namespace dkms {
namespace {

unsigned weight(const Step& step)
{
    switch (step.kind) {
    case StepKind::build:
        return 80;
    case StepKind::install:
        return 15;
    case StepKind::initramfs:
        return 20;
    case StepKind::uninstall:
        return 10;
    default:
        break;
    }
    return 5;
}

/// In hundredths of a step's weight.
struct Share {
    unsigned long done = 0;
    unsigned long total = 0;
};

void add_steps(Share& share, const std::vector<Step>& steps, std::size_t ended, unsigned percent_of_next)
{
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const unsigned percent = i < ended ? 100 : i == ended ? percent_of_next : 0;
        share.done += static_cast<unsigned long>(weight(steps[i])) * percent;
        share.total += static_cast<unsigned long>(weight(steps[i])) * 100;
    }
}

Share share_of(const JobTable& table, const QueuedJob& job)
{
    Share share;
    const unsigned percent = job.running ? job.running->percent : 0;
    add_steps(share, job.steps, job.position, job.phase == Phase::steps ? percent : 0);
    for (const JobId child : job.children) {
        const Share of_child = share_of(table, table.at(child));
        share.done += of_child.done;
        share.total += of_child.total;
    }
    add_steps(share, job.follow_up, job.follow_up_position, job.phase == Phase::follow_up ? percent : 0);
    if (job.phase == Phase::ended) share.done = share.total;
    return share;
}

} // namespace

unsigned percent_done(const JobTable& table, const QueuedJob& job)
{
    const Share share = share_of(table, job);
    if (share.total == 0) return 0;
    return static_cast<unsigned>(std::min(99UL, share.done * 100 / share.total));
}

} // namespace dkms
