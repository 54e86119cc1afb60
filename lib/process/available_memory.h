// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <filesystem>

namespace dkms {

/// How many bytes this process and its children may use before the system, or a cgroup (version 2) that they are in,
/// has none left that it could give: MemAvailable, and of each cgroup what its memory.max and memory.high leave; caches
/// of files count as free. The highest number where nothing can be read. `proc`, `cgroups`: where these file systems
/// are mounted.
std::uint64_t available_memory(const std::filesystem::path& proc = "/proc",
                               const std::filesystem::path& cgroups = "/sys/fs/cgroup");

/// How many compilers may run side by side: one for each processor, and no more than fit into `memory` bytes; at
/// least 1.
unsigned compilers_at_a_time(unsigned processors, std::uint64_t memory);

} // namespace dkms
