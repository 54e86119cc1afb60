// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/end_with_parent.h"

#include <csignal>

#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr unsigned short_grace = 10; // seconds
constexpr unsigned long_grace = 300;

/// Of the step; set once, before the first signal can come.
volatile std::sig_atomic_t grace = long_grace;
volatile std::sig_atomic_t is_counting = 0;

/// The first one is the parent's death, the second the end of the time after that.
void on_alarm(int)
{
    if (is_counting != 0) ::kill(0, SIGKILL);
    is_counting = 1;
    ::alarm(static_cast<unsigned>(grace));
}

bool can_be_done_again(StepKind step)
{
    switch (step) {
    case StepKind::build:
    case StepKind::load:
    case StepKind::pack:
    case StepKind::pack_rpm:
    case StepKind::pack_deb:
    case StepKind::pack_disk:
    case StepKind::survey:
    case StepKind::survey_preinst:
        return true;
    default:
        return false;
    }
}

} // namespace

void end_with_parent(int parent, StepKind step)
{
    grace = can_be_done_again(step) ? short_grace : long_grace;
    struct sigaction action {};
    action.sa_handler = on_alarm;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGALRM, &action, nullptr);
    ::prctl(PR_SET_PDEATHSIG, SIGALRM);
    pollfd source{parent, POLLIN, 0};
    if (::poll(&source, 1, 0) > 0) ::raise(SIGALRM); // it had ended before it could be told
}

} // namespace dkms
