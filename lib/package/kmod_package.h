// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/draft_directory.h"
#include "lib/package/pack_content.h"
#include "lib/process/work.h"

namespace dkms {

/// Makes the RPM of nothing but the modules of one build, as distributions in the manner of Red Hat pack drivers, and
/// as Anaconda takes it from a driver disk: it needs no DKMS. The draft is for this one alone.
///
///     kmod-M-V-1.kK.A.rpm    K without ".A" at its end; of M, V and K, what RPM does not allow there is replaced
///     /lib/modules/K/extra/M/FILE.ko[.xz…]
///     /usr/share/kmod-M/K/dkms_manifest.json, of this build alone (manifest.h)
///     Provides: kernel-modules >= K, M-kmod = V-R, kmod(FILE.ko), modalias(…), ksym(…) of what it exports
///     Requires: kernel(SYMBOL) = CRC and ksym(SYMBOL) = CRC, or, without symbol versions, kernel-uname-r = K
///
/// `kernel` is one of content.builds(). A release with several '-' (as Debian has them) cannot stand in a dependency:
/// all but the first become '_', which RPM's comparison of versions treats alike, and a warning says so. The same
/// content gives the same bytes.
///
/// Throws Error NotBuilt if the build has no module, PackagingFailed for a version that RPM does not allow, and as
/// PackContent::modules, manifest_of and DraftDirectory::run do (ToolMissing: rpmbuild).
Product make_kmod_package(const Work& work, const PackContent& content, const KernelId& kernel, DraftDirectory& draft);

} // namespace dkms
