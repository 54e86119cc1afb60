// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/draft_directory.h"
#include "lib/package/payload_tree.h"

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// What is to be put into a file system in a file.
struct DiskContent {
    struct Entry {
        std::filesystem::path path; ///< below `root`
        std::filesystem::file_type type;
        std::uint64_t size; ///< of a file
    };
    std::filesystem::path root;
    std::vector<Entry> entries; ///< in byte order of their paths, so a directory comes before what is in it

    /// KiB that it takes, rather too many than too few.
    unsigned estimated_size(bool ext2) const;
    /// KiB below which no file system can hold it.
    unsigned least_size() const;
};
DiskContent disk_content(const PayloadTree& tree);

struct Filesystem {
    std::string label;
    unsigned size; ///< KiB
    std::time_t time;
};

/// Makes a file system with that content in the new file `name` in the draft's output, by mke2fs(8) and debugfs(8), or
/// mkfs.vfat(8), mmd(1) and mcopy(1). What is in it belongs to root, and what would be drawn or taken from the clock is
/// fixed. Throws as DraftDirectory::run; write_fat throws Error PackagingFailed for names that FAT cannot have.
void write_ext2(DraftDirectory& draft, const DiskContent& content, const Filesystem& system, const std::string& name);
void write_fat(DraftDirectory& draft, const DiskContent& content, const Filesystem& system, const std::string& name);

} // namespace dkms
