// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <filesystem>

#include <sys/types.h>

namespace dkms {

/// What is to be known of the processes of a build.
struct TakenQuestion {
    std::uint64_t most_tasks;         ///< not all are looked at when there are more
    std::uint64_t exact_beyond;       ///< bytes of memory from which on these are counted exactly, which takes time
    std::filesystem::path deleted_at; ///< the file system on which deleted files are counted; empty: they are not
};

/// What they have at a moment.
struct Taken {
    std::uint64_t tasks = 0;   ///< processes and threads
    std::uint64_t memory = 0;  ///< bytes, with those of files in the sandbox's own /tmp and /dev/shm
    std::uint64_t deleted = 0; ///< bytes of files that they hold and have deleted
};

/// Of all processes below `process`, which are of the same user, or this process is privileged. Without /proc nothing
/// is seen.
Taken taken_below(pid_t process, const TakenQuestion& question);

} // namespace dkms
