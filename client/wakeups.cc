// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/wakeups.h"

#include "lib/model/error.h"
#include "lib/process/refusal.h"

#include <cerrno>
#include <cstdint>

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace dkms {
namespace {

Descriptor checked(int number, const char* what)
{
    if (number < 0) refuse_call(what, errno);
    return Descriptor(number);
}

Descriptor make_timer(std::chrono::milliseconds tick)
{
    Descriptor timer = checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd");
    const timespec interval{tick.count() / 1000, tick.count() % 1000 * 1'000'000};
    const itimerspec setting{interval, interval};
    ::timerfd_settime(timer.number(), 0, &setting, nullptr);
    return timer;
}

void watch(int epoll, int descriptor)
{
    epoll_event event{};
    event.events = EPOLLIN;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) < 0) refuse_call("epoll", errno);
}

} // namespace

Wakeups::Wakeups(std::chrono::milliseconds tick)
    : timer_(make_timer(tick)), both_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll"))
{
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    signals_ = checked(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
    watch(both_.number(), signals_.number());
    watch(both_.number(), timer_.number());
    ::sigprocmask(SIG_BLOCK, &signals, &before_);
}

Wakeups::~Wakeups() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

Wakeups::Heard Wakeups::take()
{
    Heard heard;
    signalfd_siginfo signal{};
    heard.interrupted = ::read(signals_.number(), &signal, sizeof signal) > 0;
    std::uint64_t expirations = 0;
    heard.tick = ::read(timer_.number(), &expirations, sizeof expirations) > 0;
    return heard;
}

} // namespace dkms
