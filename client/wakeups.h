// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <chrono>

#include <signal.h>

namespace dkms {

/// SIGINT and SIGTERM, and the passing of time, as one descriptor to poll(2). The signals are blocked while the object
/// lives.
class Wakeups {
public:
    /// `tick`: how often time is heard; zero: never. Throws Error SystemFailed.
    explicit Wakeups(std::chrono::milliseconds tick);
    ~Wakeups();
    Wakeups(const Wakeups&) = delete;
    Wakeups& operator=(const Wakeups&) = delete;

    int descriptor() const { return both_.number(); }

    struct Heard {
        bool interrupted = false;
        bool tick = false;
    };
    /// What has made the descriptor readable; does not wait.
    Heard take();

private:
    sigset_t before_{};
    Descriptor signals_;
    Descriptor timer_;
    Descriptor both_;
};

} // namespace dkms
