// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/disk_layout.h"

namespace dkms {

/// A disk for Anaconda as it has been since 2010 (Red Hat Enterprise Linux 6 and later, Fedora):
///
///     rhdd3                 the title
///     rpms/ARCH/*.rpm       a package of modules for each kernel (kmod_package.h)
///     rpms/ARCH/repodata/   made by createrepo_c(8) if that is there; today's Anaconda makes it itself, the one of
///                           Red Hat Enterprise Linux 6 wants it, so a warning says when it is missing
///
/// Throws as make_kmod_package.
void put_anaconda_disk(DiskDraft& disk);

} // namespace dkms
