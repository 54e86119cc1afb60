// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/loop.h"

#include "lib/model/error.h"
#include "lib/process/refusal.h"

#include <csignal>
#include <cstdint>
#include <exception>
#include <utility>

#include <sys/epoll.h>

namespace dkms {
namespace {

constexpr std::uint64_t lateness = 1000; // of timers, microseconds: 0 would mean the library's own 250 ms

void check(int result, const char* what)
{
    if (result < 0) refuse_call(what, -result);
}

} // namespace

struct Source::Holder {
    sd_event_source* source = nullptr;
    Loop::Callback callback;
    std::exception_ptr* failure = nullptr;
    sd_event* event = nullptr;

    int call()
    {
        // The callback may destroy its own Source, so neither it nor `this` may be needed afterwards.
        const Loop::Callback kept = callback;
        std::exception_ptr* const sink = failure;
        sd_event* const loop = event;
        try {
            kept();
        } catch (...) {
            *sink = std::current_exception();
            sd_event_exit(loop, 1);
        }
        return 0;
    }
    static int on_io(sd_event_source*, int, std::uint32_t, void* data) { return static_cast<Holder*>(data)->call(); }
    static int on_time(sd_event_source*, std::uint64_t, void* data) { return static_cast<Holder*>(data)->call(); }
    static int on_signal(sd_event_source*, const signalfd_siginfo*, void* data)
    {
        return static_cast<Holder*>(data)->call();
    }
    static int on_defer(sd_event_source*, void* data) { return static_cast<Holder*>(data)->call(); }
};

void Source::Release::operator()(Holder* holder) const
{
    sd_event_source_disable_unref(holder->source);
    const std::unique_ptr<Holder> owned(holder);
}

Loop::Loop() { check(sd_event_new(&event_), "sd_event_new"); }

Loop::~Loop() { sd_event_unref(event_); }

namespace {

template <typename Holder>
std::unique_ptr<Holder> make_holder(Loop::Callback callback, std::exception_ptr& failure, sd_event* event)
{
    auto holder = std::make_unique<Holder>();
    holder->callback = std::move(callback);
    holder->failure = &failure;
    holder->event = event;
    return holder;
}

} // namespace

Source Loop::on_readable(int descriptor, Callback callback)
{
    auto holder = make_holder<Source::Holder>(std::move(callback), failure_, event_);
    check(sd_event_add_io(event_, &holder->source, descriptor, EPOLLIN, &Source::Holder::on_io, holder.get()),
          "sd_event_add_io");
    return Source(holder.release());
}

Source Loop::after(std::chrono::microseconds delay, Callback callback)
{
    auto holder = make_holder<Source::Holder>(std::move(callback), failure_, event_);
    check(sd_event_add_time_relative(event_, &holder->source, CLOCK_MONOTONIC,
                                     static_cast<std::uint64_t>(delay.count()), lateness, &Source::Holder::on_time,
                                     holder.get()),
          "sd_event_add_time");
    return Source(holder.release());
}

Source Loop::on_signal(int number, Callback callback)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, number);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    auto holder = make_holder<Source::Holder>(std::move(callback), failure_, event_);
    check(sd_event_add_signal(event_, &holder->source, number, &Source::Holder::on_signal, holder.get()),
          "sd_event_add_signal");
    return Source(holder.release());
}

Source Loop::next_turn(Callback callback, std::int64_t priority)
{
    auto holder = make_holder<Source::Holder>(std::move(callback), failure_, event_);
    check(sd_event_add_defer(event_, &holder->source, &Source::Holder::on_defer, holder.get()), "sd_event_add_defer");
    check(sd_event_source_set_priority(holder->source, priority), "sd_event_source_set_priority");
    return Source(holder.release());
}

int Loop::run()
{
    const int code = sd_event_loop(event_);
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    check(code, "sd_event_loop");
    return code;
}

void Loop::leave(int code) { sd_event_exit(event_, code); }

} // namespace dkms
