// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/draft_directory.h"
#include "lib/package/pack_content.h"
#include "lib/process/work.h"

namespace dkms {

/// Makes the source package of a SUSE kernel module package (dkms mkkmp), from which build services make one RPM for
/// each flavour of the kernel: M-V.tar.bz2 holds the source as it is when make begins, that is, with the patches that
/// are meant for `kernel` and after PRE_BUILD. Nothing is built. PRE_BUILD could
/// have left anything in that directory: it is packed with the rights of the user who builds, and refused when it has
/// more than 100 000 entries or 8 GiB. The draft is for this package alone.
///
/// The spec is Options::spec or M-kmp.spec of the source, else lib/package/specs/kmp.spec, which builds the way kbuild
/// does it: MAKE of dkms.conf is not looked at.
///
/// Throws Error SpecMissing, PackagingFailed, BuildExcluded, and as the preparation of a build and DraftDirectory::run
/// do: NoKernelHeaders, PatchMissing, PatchFailed, ScriptFailed, ResultRefused … (ToolMissing: rpmbuild).
Products make_kmp_source(const Work& work, const PackContent& content, const KernelId& kernel, DraftDirectory& draft);

} // namespace dkms
