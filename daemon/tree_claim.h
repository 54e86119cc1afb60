// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/loop.h"
#include "lib/model/places.h"
#include "lib/process/child.h"
#include "lib/tree/lock.h"

#include <functional>
#include <optional>
#include <string>

namespace dkms {

/// Our right to change a tree: its lock, that of a dkmsd whose step we were started from, or a place in the queue of
/// those who wait for it. flock(1) waits in our place, so the loop never blocks.
class TreeClaim {
public:
    /// `freed`: the lock was waited for and may be had now; called from the loop. `mode` as for TreeLock.
    TreeClaim(Loop& loop, const Places& places, const std::string& mode, std::function<void()> freed);

    /// Whether the tree may be changed. Takes the lock, and then first puts in order what a killed dkmsd has left
    /// (recover()); if it is somebody else's, begins to wait. Throws Error TreeNotWritable, Internal.
    bool take();
    /// Whether it is waited for, and for whom, in words.
    bool waits() const { return waiter_.has_value(); }
    std::string holder() const { return lock_.holder().text(); }
    /// What workers inherit; -1 when the lock is not ours.
    int descriptor() const { return lock_.descriptor(); }
    /// Lets go of it, or waits no longer.
    void release();

private:
    void wait();
    void have_waited();
    void stop_waiting();

    Loop& loop_;
    Places places_;
    TreeLock lock_;
    std::function<void()> freed_;
    bool is_shared_ = false; ///< the lock is held above us, for as long as we live
    std::optional<Child> waiter_;
    Source on_freed_;
};

} // namespace dkms
