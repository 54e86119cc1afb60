// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Writes an archive of a module: its source unless `binaries_only`, the builds for step.kernels unless `source_only`.
/// To work.handle if there is one; else to <tree>/M/V/tarball/<name>, by a rename. The name is options.archive, else
/// M-V-<what is in it>.dkms.tar.gz (docs/dkms.8), and its suffix says how it is compressed. The same tree gives the
/// same bytes. Events: packing, packed. Errors: BrokenModule, NotBuilt, ArchiveNotWritable, DiskFull.
std::unique_ptr<Action> make_pack_step(Work& work);

} // namespace dkms
