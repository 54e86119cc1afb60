// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <sys/types.h>

namespace dkms {

/// The processes that a process has started, those that they have started, and so on, at one moment.
struct Descendants {
    std::vector<pid_t> processes;
    std::uint64_t tasks = 0;  ///< processes and threads
    std::uint64_t memory = 0; ///< bytes without files, which the kernel can take back; what several share counts often
};

/// Looks at /proc; without it there are none. Not all are looked at when there are more than `most` tasks.
Descendants descendants_of(pid_t process, std::uint64_t most);

/// The memory of these processes and of the `in_files` bytes that they have in files in memory, what several share
/// counted once. Takes time in proportion to it.
std::uint64_t exact_memory_of(const std::vector<pid_t>& processes, std::uint64_t in_files);

/// Bytes in the file systems in memory that `process` has at /tmp and /dev/shm, where these are not ours.
std::uint64_t memory_in_files_of(pid_t process);

/// While it lives, what children of this process leave running when they end becomes ours (prctl(2),
/// PR_SET_CHILD_SUBREAPER). At its end, or by end_all(), that is killed and gone, with all that it has started.
/// Children that were there before it are left alone; there must be no others but those that have been waited for.
class LeftBehind {
public:
    LeftBehind();
    ~LeftBehind();
    LeftBehind(const LeftBehind&) = delete;
    LeftBehind& operator=(const LeftBehind&) = delete;

    void end_all() noexcept;

private:
    std::vector<pid_t> before_;
};

} // namespace dkms
