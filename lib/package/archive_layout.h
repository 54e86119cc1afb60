// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// What there is in an unpacked archive, and where. Known layouts:
///
///     dkms_source_tree/…            the source; or, in an archive without it,
///     dkms_binaries_only/dkms.conf  the configuration alone
///     dkms_main_tree/K/A/module/…   builds
///     dkms_main_tree/K/module/…     builds of dkms 1.x, without an architecture
///     dkms_main_tree/dkms_dbversion the kind of tree, up to 2.0.0; may be missing
///
/// and, without dkms_main_tree, a plain source: the directory of the dkms.conf that lies least deep.
struct ArchiveLayout {
    struct Build {
        KernelId kernel; ///< without an architecture in an archive of dkms 1.x
        std::filesystem::path directory;
    };
    bool of_dkms = false;          ///< not a plain source
    std::filesystem::path source;  ///< directory; empty if there is only a configuration
    std::filesystem::path conf;    ///< the dkms.conf
    std::vector<Build> builds;     ///< by kernel
    std::vector<std::string> left; ///< directories of dkms_main_tree that hold no build
};

/// Looks at what was unpacked to `root`. `name` is the archive's, for errors. Symbolic links that leave the source, or
/// the build that they are part of, are refused.
/// Throws Error: ArchiveWithoutModule (a plain source: with the exit code 3), ArchiveTooNew, ArchiveRefused.
ArchiveLayout layout_of_archive(const std::filesystem::path& root, const std::string& name);

} // namespace dkms
