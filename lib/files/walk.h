// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <sys/stat.h>

namespace dkms {

/// Something below a directory. It is to be opened by `directory` and `name`: then no link is followed.
struct Found {
    int directory;            ///< the directory that it is in
    const std::string& name;  ///< in that directory
    const std::string& path;  ///< below the directory where the walk began
    const struct stat& facts; ///< lstat(2)

    /// For reading. Not valid, with errno, if it is not a file any more.
    Descriptor open_file() const;
    /// The target of a symbolic link; empty if it is not one any more.
    std::string link_text() const;
};

/// Directories that are nested deeper than this are an error of a walk, which keeps one descriptor for each.
inline constexpr std::size_t deepest_walk = 200;

/// The one walk over trees: calls `visit` for everything below an open directory, in byte order of the names in each
/// directory, a directory before its entries. Links are not followed, also not if they are put there meanwhile; what
/// vanishes meanwhile is left out. Not for what a build could change: that comes through a Gate, or is deleted by
/// remove_tree. Throws Error ReadFailed (parameters path, reason) for whatever else cannot be read: a walk that returns
/// has seen all of it, unless `visit` has thrown EnoughSeen: that ends the walk, and no error comes of it. `shown` is
/// the directory's path, for errors.
void walk(int directory, const std::function<void(const Found&)>& visit, const std::filesystem::path& shown = {});

/// The same for a path; the last component may be a link. A directory that does not exist has nothing in it.
/// Directories below it for which `enters` is false are visited, but not entered.
void walk(const std::filesystem::path& directory, const std::function<void(const Found&)>& visit,
          const std::function<bool(const Found&)>& enters = {});

/// What `visit` throws when the rest does not matter.
struct EnoughSeen {};

/// Names of the directories in a directory, in byte order, without links to others. Throws as walk().
std::vector<std::string> directories_in(const std::filesystem::path& directory);

/// The directory below an open one, without following links on the way. Not valid, with errno, if it does not exist.
Descriptor open_directory_below(int directory, const std::string& path);

} // namespace dkms
