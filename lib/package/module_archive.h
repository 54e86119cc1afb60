// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/pack_content.h"
#include "lib/process/cancel.h"

#include <string>

namespace dkms {

/// How much of a module's source an archive holds.
enum class ArchivedSource {
    whole,
    conf_only, ///< nothing but dkms.conf: for where the source comes another way
};

/// Writes the archive that `dkms ldtarball` takes to `descriptor`: the builds of `content`, that much of the source,
/// and a manifest of both. The suffix of `name` says how to compress; `name` itself is only for errors. The same
/// content gives the same bytes.
///
///     dkms_main_tree/dkms_dbversion         "2.0.0"
///     dkms_main_tree/RELEASE/ARCH/…         as in <tree>/M/V
///     dkms_source_tree/…                    the whole source, or
///     dkms_binaries_only/{PACKAGE_NAME,PACKAGE_VERSION,dkms.conf}
///     dkms_manifest.json                    manifest.h
///
/// ArchivedSource::whole needs content.source(). Throws Error BuildChanged, before anything is written,
/// SourceUnreadable, ArchiveNotWritable, DiskFull, Cancelled.
void write_module_archive(const PackContent& content, ArchivedSource source, int descriptor, const std::string& name,
                          Cancellation& cancellation);

} // namespace dkms
