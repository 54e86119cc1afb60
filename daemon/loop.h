// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include <systemd/sd-event.h>

namespace dkms {

/// Something the loop waits for; it stops waiting when the object ends. May end inside its own callback.
class Source {
public:
    Source() = default;

private:
    friend class Loop;
    struct Holder;
    struct Release {
        void operator()(Holder* holder) const;
    };
    explicit Source(Holder* holder) : holder_(holder) {}
    std::unique_ptr<Holder, Release> holder_;
};

/// sd_event(3) with owners: every callback belongs to a Source. An exception that leaves a callback ends run(), which
/// throws it again.
class Loop {
public:
    /// Throws Error SystemFailed.
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    using Callback = std::function<void()>;
    Source on_readable(int descriptor, Callback callback);
    Source after(std::chrono::microseconds delay, Callback callback); ///< once, no more than 1 ms late
    Source on_signal(int number, Callback callback);                  ///< blocks the signal for this process
    /// Once, before the loop waits again. `priority`: of what can go on at the same time, the lowest number goes first;
    /// everything else here has 0.
    Source next_turn(Callback callback, std::int64_t priority = 0);

    /// Runs until leave(). Returns its code.
    int run();
    void leave(int code = 0);
    sd_event* raw() const { return event_; }

private:
    sd_event* event_ = nullptr;
    std::exception_ptr failure_;
};

} // namespace dkms
