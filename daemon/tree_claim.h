// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/loop.h"
#include "lib/model/error.h"
#include "lib/model/places.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

namespace dkms {

/// Our right to change a tree: its lock, that of a dkmsd whose step we were started from, or a place in the queue of
/// those who wait for it. Nothing here blocks the loop.
class TreeClaim {
public:
    TreeClaim() = default;
    TreeClaim(const TreeClaim&) = delete;
    TreeClaim& operator=(const TreeClaim&) = delete;
    virtual ~TreeClaim() = default;

    /// Whether the tree may be changed. Takes the lock, and then what a killed dkmsd has left is first put in order
    /// (recover()); if it cannot be had at once, begins to wait for it. Throws Error TreeNotWritable, Internal,
    /// UnitFailed; after that the next call begins from the start.
    virtual bool take() = 0;
    /// Whether it has been asked for, and neither is it ours nor is it known what is in the way.
    virtual bool is_undecided() const { return false; }
    /// Whether it is waited for, and for whom, in words.
    virtual bool waits() const = 0;
    virtual std::string holder() const = 0;
    virtual pid_t holder_process() const { return 0; } ///< its number; 0: not known
    /// What workers inherit; -1 when the lock is not ours.
    virtual int descriptor() const = 0;
    /// Whether the builds of a module can have directories of their own; known once the tree may be changed, and
    /// nothing where whoever asks can find out himself.
    virtual std::optional<bool> private_builds() const { return std::nullopt; }
    /// Why the tree takes nothing new although it is ours, as far as is known: see shortage_of() in lib/tree/room.h.
    virtual std::optional<Error> shortage() const { return std::nullopt; }
    /// Whether the lock is ours, and another waits for it: whoever gives it back then gets it again after that one.
    virtual bool is_wanted() const { return false; }
    /// Lets go of it, or waits no longer.
    virtual void release() = 0;
};

/// By this process itself; flock(1) waits in its place (TreeLock). `freed`: the lock was waited for and may be had now;
/// called from the loop. `mode` as for TreeLock.
std::unique_ptr<TreeClaim> claim_by_ourselves(Loop& loop, const Places& places, const std::string& mode,
                                              std::function<void()> freed);

} // namespace dkms
