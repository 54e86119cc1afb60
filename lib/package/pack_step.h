// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Writes an archive of a module: its source unless `binaries_only`, the builds for step.kernels unless `source_only`,
/// as write_module_archive() does. To work.handle if that is a file, which is emptied first, or anything else that
/// takes bytes; else to where ProductPlace has it. The name is options.archive, else that of archive_name(), and its
/// suffix says how it is compressed. The same tree gives the same bytes; the setting SOURCE_DATE_EPOCH is the time of
/// everything. What is replaced while it runs is packed as it was.
///
/// Events: packing, packed. Errors: NoSuchModule, BrokenModule, NotBuilt, those of read_conf, SourceUnreadable,
/// ArchiveNotWritable, DiskFull.
std::unique_ptr<Action> make_pack_step(Work& work);

} // namespace dkms
