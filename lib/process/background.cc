// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/background.h"

#include <algorithm>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr int background_nice = 10;

// linux/ioprio.h is no C++.
constexpr int who_is_a_process = 1;
constexpr int class_shift = 13;
constexpr int best_effort = 2;
constexpr int last_of_eight = 7;

} // namespace

void yield_to_others()
{
    ::setpriority(PRIO_PROCESS, 0, std::max(::getpriority(PRIO_PROCESS, 0), background_nice));
    // Not the idle class: whoever starves with the tree's lock in its hand makes others wait who do not yield.
    ::syscall(SYS_ioprio_set, who_is_a_process, 0, best_effort << class_shift | last_of_eight);
}

} // namespace dkms
