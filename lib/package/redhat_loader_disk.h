// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/disk_layout.h"

#include <string>
#include <vector>

namespace dkms {

/// A disk for the first stage of Red Hat's installer as it was until 2010 (Red Hat Enterprise Linux 3 to 5):
///
///     rhdd-6.1 (version 1), rhdd (2)   the title that the installer shows
///     modules.cgz                      gzip of a cpio archive with checksums: K/FILE.ko (1), K/ARCH/FILE.ko (2)
///     modinfo                          "Version 0", and of each module its kind and what it says of itself
///     modules.dep, modules.alias       by bare names
///     pcitable                         the PCI devices of modules
///
/// What the source has in redhat_driver_disk/ of modinfo, disk-info, modules.dep, pcitable, modules.pcimap and pci.ids
/// goes onto the disk instead of what would be made. `version` is 1 or 2. Throws as PayloadTree, and Error
/// VerifyFailed.
void put_redhat_loader_disk(DiskDraft& disk, int version);

/// The texts of these files.
std::string loader_modinfo(const std::vector<PackedModule>& modules, const Conf& conf);
std::string loader_modules_dep(const std::vector<PackedModule>& modules);
std::string loader_pcitable(const std::vector<PackedModule>& modules);
std::string loader_modules_alias(const std::vector<PackedModule>& modules);

} // namespace dkms
