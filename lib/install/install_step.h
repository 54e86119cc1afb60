// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Puts the built modules of M/V into the module directory of kernel K, as one transaction: modules of the kernel with
/// the same names are archived, the version that was active before is taken out, the link kernel-K-A and the install
/// record are written, weak modules linked, POST_INSTALL is run, depmod is run. When anything of that fails, all is as
/// before. Between the first change and the last it is not cut off.
///
/// Before anything is seen, check_modules() looks whether the kernel will take the modules.
///
/// It is skipped when the version is installed already, unless forced. REMAKE_INITRD becomes a follow-up step; modules
/// that were built with another version of this one and want to be built again become further jobs.
/// Errors: NotBuilt, NoSuchKernel, BrokenModule, those of read_conf, TreeNotWritable, PreInstallFailed,
/// NothingInstallable, VerifyFailed, BuildChanged, InstallFailed, DiskFull, DepmodFailed.
std::unique_ptr<Action> make_install_step(Work& work);

} // namespace dkms
