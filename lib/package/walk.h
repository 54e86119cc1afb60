// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <functional>
#include <string>

#include <sys/stat.h>

namespace dkms {

/// Something below a directory. Whoever opens it does so by `directory` and `name`: then no link is followed.
struct Found {
    int directory;            ///< the directory that it is in
    const std::string& name;  ///< in that directory
    const std::string& path;  ///< below the directory where the walk began
    const struct stat& facts; ///< lstat(2)

    /// For reading. Not valid, with errno, if it is no file any more.
    Descriptor open_file() const;
    /// What a symbolic link says; empty if it is none any more.
    std::string link_text() const;
};

/// Calls `visit` for everything below an open directory, in byte order of the names in each directory, a directory
/// before what is in it. Links are not followed, also not if they are put there meanwhile; what vanishes meanwhile is
/// left out. Throws Error SourceUnreadable (parameters path, reason).
void walk(int directory, const std::function<void(const Found&)>& visit);

/// The directory below an open one, without following links on the way. Not valid if there is none.
Descriptor open_directory_below(int directory, const std::string& path);

} // namespace dkms
