// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/draft_directory.h"
#include "lib/package/payload_tree.h"

#include <ctime>
#include <string>

namespace dkms {

/// What a disk is written as; Options::media.
enum class DiskMedia {
    floppy, ///< "floppy": a file system of the size that is given, else 1440 KiB. ".img"
    img,    ///< "img", or nothing: the same, as large as it must be, and not below 1440 KiB. ".img"
    iso,    ///< "iso": ISO 9660 with Rock Ridge and Joliet. ".iso"
    tar,    ///< "tar": a POSIX archive (ustar), which linuxrc and Agama take. ".tar"
    cpio,   ///< "cpio.gz": a compressed cpio archive (newc), to be appended to an initrd. ".cpio.gz"
};
/// Throws Error InvalidArgs.
DiskMedia disk_media(const std::string& name);
/// ".img" …
std::string suffix_of(DiskMedia media);

struct DiskImage {
    DiskMedia media = DiskMedia::img;
    bool ext2 = false;      ///< floppy, img: instead of FAT
    std::string label = {}; ///< of the file system; may be empty
    unsigned size = 0;      ///< floppy, img: in KiB; 0: see DiskMedia
    std::string product;    ///< what it is, for errors
};

/// Throws Error InvalidArgs when the file system cannot have that label, ToolMissing for what writing it needs.
void check_image(const DiskImage& image);

/// Makes the image `name` of what lies in `tree`, which is finished and in the input of `draft`. No mount is needed,
/// and everything belongs to root. Nothing in the image depends on the day or on chance, but for the order of what is
/// in an ext2 file system, which is that in which the file system of /var/tmp has it. FAT has neither links nor names
/// that differ in case only: links to files become copies, others are left out, and such names are an error. Throws
/// Error DoesNotFit, ToolMissing, PackagingFailed, ArchiveNotWritable, DiskFull, Cancelled.
Product write_image(DraftDirectory& draft, const PayloadTree& tree, const DiskImage& image, std::time_t time,
                    const std::string& name, Cancellation& cancellation);

} // namespace dkms
