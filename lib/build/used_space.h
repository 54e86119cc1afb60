// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include <sys/types.h>

namespace dkms {

/// Bytes that everything below `directory` takes on its file system; each file at least 4 KiB, since file systems run
/// out of files, too. Counting stops beyond `most`. Others may change the directory meanwhile, whatever its depth: no
/// link is followed, no file opened, and nothing outside of it is counted. What cannot be looked at counts nothing.
std::uint64_t used_space(const std::filesystem::path& directory, std::uint64_t most);

/// The same for files on that directory's file system that `processes` have open, or mapped, and have deleted.
std::uint64_t space_of_deleted_files(const std::filesystem::path& directory, const std::vector<pid_t>& processes);

/// What the file system of a path has left. `level` falls by at least what used_space() of new files would be, whether
/// they are large or many.
struct FreeSpace {
    std::uint64_t bytes;
    std::uint64_t level;
};
/// Nothing when it cannot be asked.
std::optional<FreeSpace> free_space(const std::filesystem::path& path);

} // namespace dkms
