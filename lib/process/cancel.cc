// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/cancel.h"

#include "lib/model/error.h"
#include "lib/process/refusal.h"

#include <array>
#include <cerrno>
#include <csignal>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace dkms {
namespace {

sigset_t stop_signals()
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return signals;
}

} // namespace

Cancellation::Cancellation(int parent) : parent_(parent)
{
    const sigset_t signals = stop_signals();
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    signals_ = Descriptor(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_) refuse_call("signalfd", errno);
}

Cancellation::~Cancellation()
{
    // What was heard must not strike once the signals are let through again.
    signalfd_siginfo heard{};
    while (::read(signals_.number(), &heard, sizeof heard) > 0) {
    }
    const sigset_t signals = stop_signals();
    ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
}

bool Cancellation::requested()
{
    std::array<pollfd, 2> sources{{{signals_.number(), POLLIN, 0}, {parent_, POLLIN, 0}}};
    if (!requested_ && ::poll(sources.data(), sources.size(), 0) > 0) requested_ = true;
    return requested_;
}

void Cancellation::check()
{
    if (requested()) throw Error(ErrorCode::cancelled);
}

} // namespace dkms
