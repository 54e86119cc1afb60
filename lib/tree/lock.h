// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/ancestry.h"
#include "lib/process/child.h"
#include "lib/process/descriptor.h"
#include "lib/process/held_lock.h"
#include "lib/tree/layout.h"

#include <filesystem>
#include <optional>
#include <string>

#include <sys/types.h>
#include <unistd.h>

namespace dkms {

/// Whether somebody has the turn (see TreeLock) of which `turn` is an open file; not, where that cannot be found out.
/// The caller does not have it himself.
bool is_turn_taken(int turn);

/// The lock of a DKMS tree, <tree>/.dkmsd/lock (flock(2), mode 0600). Held by one dkmsd, service or not, while it has
/// running steps; workers get its descriptor and so keep it while they live, even if dkmsd is killed. Readers take no
/// lock.
///
/// Who has to wait for it first takes the turn, the lock of <tree>/.dkmsd/turn, and gives that back when he has the
/// lock. So the holder sees that another waits (is_wanted()), and one who gives the lock back and wants it again comes
/// after the one who has waited. For the turn nobody waits longer than some seconds: who has it and does nothing, as a
/// process that was stopped, keeps nobody from the lock for ever.
///
/// Never blocks: the owner asks again (try_take) as often as it likes, from its event loop.
class TreeLock {
public:
    /// Opens nothing yet. `mode` is written into the lock for others to read: "service" or "stdio"; so is the number of
    /// the process that it is taken for.
    TreeLock(Layout layout, std::string mode, pid_t taken_for = ::getpid())
        : layout_(std::move(layout)), mode_(std::move(mode)), named_(taken_for)
    {
    }

    /// Takes the lock, and makes <tree>/.dkmsd if needed. True when it is held now, also when it was before. Who gets
    /// true for a lock it did not hold should call recover() (lib/install/recover.h) before its first step. Throws
    /// Error TreeNotWritable, DiskFull.
    bool try_take();
    bool held() const { return static_cast<bool>(descriptor_); }

    /// Waits, after try_take() said no: a descriptor that is readable when this has to be called again, or -1 when
    /// try_take() is worth another call. What waits is a child, flock(1). Throws what try_take() throws, and
    /// SystemFailed.
    int wait();
    /// Gives up its place among those who wait.
    void stop_waiting();

    /// What workers inherit, open for reading only; -1 when not held.
    int descriptor() const { return descriptor_.number(); }

    /// Whether it is held, and another waits for it.
    bool is_wanted() const { return held() && is_turn_taken(turn_.number()); }
    /// For who holds the lock in our place: is_turn_taken() tells him whether another waits. For reading only. Throws
    /// Error TreeNotWritable.
    Descriptor open_turn() const;

    /// Lets go of it; with workers still running, they keep it until they end.
    void release();

    using Holder = LockHolder;
    /// Who wrote itself into the lock last: meaningful after try_take() said no.
    Holder holder() const;

    /// Whether the holder is an ancestor of this process, see is_held_above().
    bool held_by_ancestor() const;

private:
    std::filesystem::path turn() const { return layout_.own() / "turn"; }
    void open();
    bool take_turn();
    bool is_first() const { return has_turn_ || is_overdue_; }

    Layout layout_;
    std::string mode_;
    pid_t named_;
    Descriptor descriptor_; ///< what holds it
    Descriptor file_;       ///< what it will be held by
    Descriptor turn_;
    bool has_turn_ = false;
    bool is_overdue_ = false; ///< whoever has the turn has had time enough
    bool is_waiting_ = false;
    std::optional<Child> waiter_;
};

/// Whether the descriptor is one of the tree's lock that holds it. One by which it can be had takes it.
bool holds_lock(int descriptor, const Layout& layout);

/// Makes <tree>/.dkmsd (0711: what of it others may look at has a name that they know, see pending_steps) and `below`
/// in it (0700), and the tree itself. Returns the path. Throws Error TreeNotWritable, DiskFull.
std::filesystem::path make_own_directory(const Layout& layout, const std::filesystem::path& below);

} // namespace dkms
