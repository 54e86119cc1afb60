// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Looks at what lies beside the request, work.handle: a directory with a dkms.conf, which is copied, or an archive,
/// which is unpacked (layouts: lib/package/archive_layout.h). Everything goes below <tree>/.dkmsd/staging, under a name
/// of its own (lib/package/loaded.h), where nobody else can change it any more; nothing of source tree or DKMS tree is
/// changed. What the configuration calls the module is reported (loading), and an adopt step for that module is asked
/// for as follow-up. A directory that is the module's own place in the source tree, or its source or build directory in
/// the DKMS tree, is not copied: then the follow-up is an add step, or with `force` nothing if it is added.
///
/// Errors: ConfMissing (a directory without dkms.conf), those of read_conf, SourceUnreadable, ArchiveUnreadable,
/// ArchiveRefused, ArchiveWithoutModule, ArchiveTooNew, AlreadyAdded (exit code 8 for an archive of dkms mktarball),
/// DiskFull, TreeNotWritable. Files are called by the caller's names in them.
std::unique_ptr<Action> make_load_step(Work& work);

} // namespace dkms
