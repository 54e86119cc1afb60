// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Takes M/V out of the module directory of kernel K, as one transaction: its modules are deleted where they really
/// are, originals put back, link, install record and modprobe.d fragment deleted, POST_REMOVE and depmod run. The built
/// modules stay in the tree. It works without the module's source and for a kernel whose directory is gone.
///
/// It is skipped when the version is not installed. A version whose files lie there but that no link names any more is
/// taken out as inactive. Errors: NoSuchModule, TreeNotWritable, DiskFull.
std::unique_ptr<Action> make_uninstall_step(Work& work);

} // namespace dkms
