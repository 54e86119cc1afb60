// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <filesystem>
#include <string>

namespace dkms {

// What lies beside a request is opened by the client, with the rights of who asks: dkmsd never opens a path for him.

/// A source directory or an archive, for reading. Throws Error: ArchiveMissing, SourceUnreadable, NotSupported for a
/// package, which is the package manager's.
Descriptor open_for_loading(const std::filesystem::path& path);

/// A directory to write into, made if it is not there. Throws Error ArchiveNotWritable.
Descriptor open_for_output(const std::filesystem::path& path);

/// Whether a word that may name a module names something to load: a file, or a directory with a dkms.conf.
bool is_loadable(const std::string& word);

} // namespace dkms
