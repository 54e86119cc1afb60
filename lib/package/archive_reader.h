// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/staged_tree.h"
#include "lib/process/cancel.h"

#include <cstdint>
#include <string>

namespace dkms {

/// How much an archive may become. Real archives of modules are far below all of it.
struct ArchiveLimits {
    std::uint64_t entries = 100'000;
    std::uint64_t bytes = std::uint64_t{8} << 30;        ///< of all files, holes included
    std::uint64_t ratio = 250;                           ///< bytes unpacked for one of the archive
    std::uint64_t ratio_from = std::uint64_t{256} << 20; ///< below that many bytes any ratio is fine
};

/// Unpacks the tar archive behind `descriptor`, a file that is read from its beginning, whatever it is compressed with.
/// `name` is the archive's, for errors. Only directories, files and links come out of it. Refused, each with its
/// reason: paths and links that leave, devices, pipes, sockets, setuid and setgid files, names as inner_path() refuses
/// them, and what is beyond the limits or compressed more than once. Something may have been unpacked by then. Throws
/// Error: ArchiveUnreadable, ArchiveRefused, DiskFull, TreeNotWritable, Cancelled.
void unpack(int descriptor, const std::string& name, StagedTree& into, const ArchiveLimits& limits = {},
            Cancellation* cancellation = nullptr);

} // namespace dkms
