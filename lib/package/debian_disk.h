// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/disk_layout.h"

namespace dkms {

/// A disk for the Debian installer, as Debian and Ubuntu have or had it: DISTRIBUTION-drivers/RELEASE/PACKAGE.deb for
/// each kernel, with control members that this installer can read. It loads the modules and installs the packages into
/// the new system. Throws as build_modules_deb.
void put_debian_disk(DiskDraft& disk, const DiskTarget& target);

/// A disk for Ubuntu as dkms made it: ubuntu-drivers/BASE/M_V-K_ARCH.deb, BASE being K up to its first '-' or '_', and
/// the source in ubuntu/M-V/. Throws as build_modules_deb.
void put_old_ubuntu_disk(DiskDraft& disk);

} // namespace dkms
