// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

namespace dkms {

/// Whether a worker has been told to stop: by SIGTERM, or because its parent is gone (end of file on a descriptor).
/// Blocks SIGTERM and SIGINT for the process while it lives and hears them through a descriptor; children start with
/// them unblocked.
class Cancellation {
public:
    /// `parent` is a descriptor whose end of file means that the parent is gone; -1 for none.
    explicit Cancellation(int parent = -1);
    ~Cancellation();
    Cancellation(const Cancellation&) = delete;
    Cancellation& operator=(const Cancellation&) = delete;

    bool requested();
    /// Throws Error Cancelled if requested.
    void check();

    /// To poll(2) beside other descriptors: readable (or hung up) when requested.
    int signal_descriptor() const { return signals_.number(); }
    int parent_descriptor() const { return parent_; }

private:
    Descriptor signals_;
    int parent_;
    bool requested_ = false;
};

} // namespace dkms
