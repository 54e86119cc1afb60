// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/ancestry.h"
#include "lib/process/child.h"
#include "lib/process/descriptor.h"
#include "lib/process/held_lock.h"
#include "lib/tree/layout.h"

#include <string>

#include <sys/types.h>
#include <unistd.h>

namespace dkms {

/// The lock of a DKMS tree, <tree>/.dkmsd/lock (flock(2), mode 0600). Held by one dkmsd, service or not, while it has
/// running steps; workers get its descriptor and so keep it while they live, even if dkmsd is killed. Readers take no
/// lock.
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
    /// Error TreeNotWritable.
    bool try_take();
    bool held() const { return static_cast<bool>(descriptor_); }

    /// What workers inherit, open for reading only; -1 when not held.
    int descriptor() const { return descriptor_.number(); }

    /// Lets go of it; with workers still running, they keep it until they end.
    void release() { descriptor_.close(); }

    using Holder = LockHolder;
    /// Who wrote itself into the lock last: meaningful after try_take() said no.
    Holder holder() const;

    /// Whether the holder is an ancestor of this process, see is_held_above().
    bool held_by_ancestor() const;

private:
    Layout layout_;
    std::string mode_;
    pid_t named_;
    Descriptor descriptor_;
};

/// Whether the descriptor is one of the tree's lock that holds it. One by which it can be had takes it.
bool holds_lock(int descriptor, const Layout& layout);

/// A command that ends when the lock of the tree could be had.
Command command_that_waits(const Layout& layout);

/// Makes <tree>/.dkmsd (0711: what of it others may look at has a name that they know, see pending_steps) and `below`
/// in it (0700), and the tree itself. Returns the path. Throws Error TreeNotWritable, DiskFull.
std::filesystem::path make_own_directory(const Layout& layout, const std::filesystem::path& below);

} // namespace dkms
