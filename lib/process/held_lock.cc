// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/held_lock.h"

#include "lib/model/error.h"
#include "lib/process/ancestry.h"
#include "lib/process/open_path.h"
#include "lib/process/regular_file.h"

#include <cstdlib>
#include <sstream>

#include <fcntl.h>
#include <sys/file.h>

namespace dkms {

namespace {

constexpr const char* mark_name = "DKMS_LOCK_HOLDER";

bool is_marked(pid_t holder)
{
    const char* const mark = std::getenv(mark_name);
    return mark != nullptr && mark == std::to_string(holder);
}

} // namespace

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
    if (wanted <= 1 || !(has_proc() ? is_ancestor(wanted, process) : is_marked(wanted))) return false;
    const Descriptor file = open_regular(lock, O_NOFOLLOW);
    return file && ::flock(file.number(), LOCK_EX | LOCK_NB) != 0; // else the number is an old one
}

std::string mark_of_holder(const std::filesystem::path& lock)
{
    return has_proc() ? std::string() : mark_name + ("=" + std::to_string(holder_of(lock).pid));
}

} // namespace dkms
