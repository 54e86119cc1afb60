// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

namespace dkms {

/// Where the lock of a DKMS tree lies.
std::filesystem::path lock_of_tree(const std::filesystem::path& dkms_tree);

/// What stands in a lock: who has it, or had it last.
struct LockHolder {
    pid_t pid = 0;            ///< 0: not known
    std::string mode;         ///< "service", "stdio", or empty
    std::string text() const; ///< "dkmsd (process 123, service)"
};
/// Nothing is known where the lock cannot be read.
LockHolder holder_of(const std::filesystem::path& lock);

/// Whether somebody has the lock whose number stands in it, and is `process` or an ancestor of it. Then that was
/// started from inside a step (a POST_INSTALL script that calls dkms), the lock is held for it already, and waiting for
/// it would never end. Without /proc, a script's environment says so (mark_of_holder).
bool is_held_above(const std::filesystem::path& lock, pid_t process);

/// For the environment of a script: by whom `lock` is held while it runs. Empty where that is seen in /proc.
std::string mark_of_holder(const std::filesystem::path& lock);

} // namespace dkms
