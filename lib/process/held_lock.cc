// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/held_lock.h"

#include "lib/model/error.h"
#include "lib/process/ancestry.h"
#include "lib/process/regular_file.h"

#include <sstream>

#include <fcntl.h>
#include <sys/file.h>

namespace dkms {

std::filesystem::path lock_of_tree(const std::filesystem::path& dkms_tree) { return dkms_tree / ".dkmsd" / "lock"; }

std::string LockHolder::text() const
{
    if (pid == 0) return "another dkmsd";
    return "dkmsd (process " + std::to_string(pid) + (mode.empty() ? "" : ", " + mode) + ")";
}

LockHolder holder_of(const std::filesystem::path& lock)
{
    LockHolder holder;
    try {
        std::istringstream text(read_file(lock, 4096));
        text >> holder.pid >> holder.mode;
    } catch (const Error&) {
        return {};
    }
    return holder;
}

bool is_held_above(const std::filesystem::path& lock, pid_t process)
{
    const pid_t wanted = holder_of(lock).pid;
    if (wanted <= 1 || !is_ancestor(wanted, process)) return false;
    const Descriptor file = open_regular(lock, O_NOFOLLOW);
    return file && ::flock(file.number(), LOCK_EX | LOCK_NB) != 0; // else the number is an old one
}

} // namespace dkms
