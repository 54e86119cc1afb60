// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <filesystem>

namespace dkms::legacy {

/// A file that is written under a name of its own beside the one it is to have, and gets that when it is complete. Not
/// published, it is deleted. Where a link stands, what it leads to is replaced; a device or a pipe is written to.
class ArchiveFile {
public:
    /// Makes the directory if need be. Throws Fault (9) when it cannot be written.
    explicit ArchiveFile(std::filesystem::path target);
    ~ArchiveFile();
    ArchiveFile(const ArchiveFile&) = delete;
    ArchiveFile& operator=(const ArchiveFile&) = delete;

    /// Another descriptor for writing to it.
    Descriptor descriptor() const;
    /// Throws Fault (9).
    void publish();

private:
    std::filesystem::path target_;
    std::filesystem::path draft_; ///< empty: it is written to as it stands, or has its name
    Descriptor file_;
};

} // namespace dkms::legacy
