// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/disk_layout.h"

#include <string>
#include <vector>

namespace dkms {

/// A driver update for SUSE's installers: linuxrc with YaST, and Agama. Directories are applied in the order of their
/// numbers, so each module has one, in the order in which they can be loaded; before them, if modules of the kernel
/// are needed, one that has these loaded. For each architecture (i386 for i?86) there is in each of them
/// linux/suse/ARCH-RELEASE/ (or linux/UnitedLinux/…), and in that
///
///     modules/FILE.ko[.xz…]     for the kernel of the installer: that of flavour "default", else the newest
///     modules/module.order      what is to be loaded
///     install/update.tar.gz     lib/modules/K/updates/FILE.ko for every kernel; YaST unpacks it into the new system
///     install/update.post       depmod(8) for these kernels
///     dud.config                UpdateID, by which linuxrc sees what it has applied already, and UpdateName
///
/// Agama takes modules/ and leaves install/update.* alone. Throws as PayloadTree.
void put_suse_disk(DiskDraft& disk, const DiskTarget& target);

/// Of kernels the one whose modules are loaded by an installer: the newest of flavour "default", else the newest.
/// `kernels` is not empty.
KernelId installer_kernel(const std::vector<KernelId>& kernels);
/// The script that YaST runs in the new system.
std::string suse_update_post(const std::vector<KernelId>& kernels);

} // namespace dkms
