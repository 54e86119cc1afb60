// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

#include <memory>

namespace dkms {

/// Makes the modules of M/V for K/A: copy of the source, patches, PRE_BUILD, make, strip, sign, compress, POST_BUILD,
/// verify, publish.
///
/// The module must be in the tree (a plan adds it first). Nothing is to be seen of a build before it is complete; with
/// the option force the earlier build stays until then. A build that is there already, or a module that is not meant
/// for this kernel, ends as skipped, the latter with Error BuildExcluded. When it fails, is skipped or has to wait for
/// headers, the tree keeps a note of why, and the log. Throws Error: NoSuchModule, BrokenModule, TreeNotWritable; those
/// of read_conf; SourceEmpty, SourceUnreadable, NoSuchKernel, NoKernelHeaders, KernelDirectoryDangling,
/// MissingDependencies, CompilerMissing, MakeMissing, PatchOutside, PatchMissing, PatchFailed, ScriptFailed,
/// BuildFailed (parameters module, kernel, log, excerpt), ModuleNotProduced, VerifyFailed, DiskFull, Cancelled.
std::unique_ptr<Action> make_build_step(Work& work);

} // namespace dkms
