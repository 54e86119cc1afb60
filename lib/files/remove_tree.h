// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include <sys/types.h>

namespace dkms {

/// Deletes `name` in the open directory `parent`, and if it is a directory everything below it: by descriptors, never
/// following a link, whatever the depth, the number of entries and the directories' modes. Does nothing if it does not
/// exist. `shown` is the path of `name`, for errors. Throws Error LeftoversRemain (parameters path, reason).
void remove_tree(int parent, const std::string& name, const std::filesystem::path& shown);

/// The same for a path.
void remove_tree(const std::filesystem::path& path);

/// Deletes everything in an open directory that user `owner` could change, with that user's rights only: whatever was
/// planted in there, no more is touched than that user could have touched. Only for processes with one thread. `shown`
/// is the directory's path, for errors. Throws Error LeftoversRemain; Internal if no process can be made.
void empty_directory_as(std::pair<uid_t, gid_t> owner, int directory, const std::filesystem::path& shown);

/// Deletes a directory that only we can enter, and everything in it. Directories in it that belong to another user were
/// handed over to a build: they are emptied as that user first. Throws Error LeftoversRemain.
void remove_private_directory(const std::filesystem::path& path);

} // namespace dkms
