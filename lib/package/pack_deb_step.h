// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Makes Debian packages (PackFormat deb, dsc, bmdeb) of a module and the builds for step.kernels: by what is said in
/// deb_build.h and deb_source.h, or, where the module or the administrator has a template, by that (deb_template.h).
/// They go to where ProductPlace has them, into "deb", "dsc" or "bmdeb". The same tree gives the same bytes, if the
/// template takes care of it.
///
/// Events: packing, packed. Errors: those of PackContent, VerifyFailed, InvalidArgs, ToolMissing, PackagingFailed,
/// ArchiveNotWritable, DiskFull.
std::unique_ptr<Action> make_pack_deb_step(Work& work);

} // namespace dkms
