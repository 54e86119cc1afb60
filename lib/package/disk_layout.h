// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/draft_directory.h"
#include "lib/package/pack_content.h"
#include "lib/package/payload_tree.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// What an installer wants a driver disk to look like.
enum class DiskLayout {
    loader_v1,    ///< "redhat1": installers of Red Hat up to 2003, redhat_loader_disk.h
    loader_v2,    ///< "redhat2": those up to 2010
    anaconda,     ///< "redhat3": Anaconda since, anaconda_disk.h
    suse,         ///< "suse": linuxrc and Agama, suse_disk.h; needs a release, as "sles15"
    united_linux, ///< "UnitedLinux": the same in another directory
    debian,       ///< "debian", "ubuntu" with a release, as "bookworm": the Debian installer, debian_disk.h
    old_ubuntu,   ///< "ubuntu" without a release: as dkms made it
};

/// One installer that a disk is for.
struct DiskTarget {
    DiskLayout layout = DiskLayout::anaconda;
    std::string distribution; ///< as it is named in paths on the disk: "suse", "ubuntu"
    std::string release;      ///< may be empty
    bool operator==(const DiskTarget&) const = default;
};

/// From Options::distributions, each "NAME" or "NAME/RELEASE", in their order, none twice. "redhat" is redhat2 for
/// several architectures, else redhat1. "all" is redhat3, "all/RELEASE" also what RELEASE belongs to, if it is one of
/// Debian, Ubuntu or SUSE. `architectures` are those of the kernels. Throws Error InvalidArgs for an unknown
/// distribution, for none, for one that lacks its release, and for redhat1 with several architectures but i?86.
std::vector<DiskTarget> disk_targets(const std::vector<std::string>& distributions,
                                     const std::vector<std::string>& architectures);

/// Whether the installer looks for a file system labelled OEMDRV.
bool wants_label(DiskLayout layout);
/// Whether dkms made its disks with ext2; the others have FAT.
bool wants_ext2(DiskLayout layout);

/// The name of a disk's file without its suffix: for redhat1 and redhat2 "M-V-kernelK-A…-dd", as archive_name has it;
/// for redhat3 and for several installers "M-V-dd"; for others "M-V-DISTRIBUTION-RELEASE-dd".
std::string disk_name(const ModuleId& module, const std::vector<KernelId>& kernels,
                      const std::vector<DiskTarget>& targets);

/// A disk that is being filled: what every layout works with.
struct DiskDraft {
    Work& work;
    const PackContent& content;
    std::map<KernelId, std::vector<PackedModule>> modules; ///< of each build; none is empty
    DraftDirectory& draft;                                 ///< the disk's own: packages on it have theirs
    PayloadTree& tree;                                     ///< what will be the disk, in the draft's input
};

/// The modules so that each comes after those it needs, else in the order of dkms.conf.
std::vector<PackedModule> in_load_order(std::vector<PackedModule> modules, const Conf& conf);
/// Modules that these need and that are not among them, in the order in which they are needed.
std::vector<std::string> needed_from_outside(const std::vector<PackedModule>& modules);

} // namespace dkms
