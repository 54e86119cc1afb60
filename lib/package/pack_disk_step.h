// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Makes a driver disk with the builds for step.kernels, for the installers in Options::distributions (disk_layout.h),
/// all on one, as Options::media says (disk_image.h). One installer's disk has the file system that dkms gave it, one
/// for several has FAT. The label is Options::label, else OEMDRV where one of the installers looks for that. Beside
/// what they want, the disk has a manifest (manifest.h). It goes to where ProductPlace has it, into "driver_disk",
/// under the name that disk_name() gives.
///
/// Events: packing, packed. Errors: those of PackContent, NotBuilt for a build without modules, VerifyFailed,
/// InvalidArgs, DoesNotFit, ToolMissing, PackagingFailed, ArchiveNotWritable, DiskFull.
std::unique_ptr<Action> make_pack_disk_step(Work& work);

} // namespace dkms
