// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace dkms {

// What lies beside a request is opened by the client, with the rights of who asks: dkmsd never opens a path for him.

/// A source directory or an archive, for reading. Throws Error: ArchiveMissing, SourceUnreadable, NotSupported for a
/// package, which is the package manager's.
Descriptor open_for_loading(const std::filesystem::path& path);

/// A directory to write into, made if it is not there. Throws Error ArchiveNotWritable.
Descriptor open_for_output(const std::filesystem::path& path);

/// Whether a word is written as a path, so that it cannot be meant for a module: "/x", "./x", "../x", ".", "..".
bool is_path(std::string_view word);

/// Whether a file is called like an archive: "x.tar", "x.tar.gz", "x.tgz" …
bool has_archive_suffix(std::string_view word);

/// Whether a word of the command line leads to a regular file; not when that cannot be looked at: then it is a name.
bool names_file(const std::filesystem::path& word);

/// Whether a word that may name a module names something to load: a directory with a dkms.conf, written as a path; or a
/// file, written as a path or with a suffix that archives have. Whoever else may write in the current directory must
/// not decide what "hello/1.0" means.
bool is_loadable(const std::string& word);

} // namespace dkms
