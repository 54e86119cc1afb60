// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// The text of a file of a module's source; nothing if it cannot be read, is no regular file, is longer than 1 MiB, or
/// is not a text. Never blocks.
std::optional<std::string> source_text(const std::filesystem::path& file);

/// Every regular file below `directory`, in byte order, without hidden directories and symbolic links to directories;
/// at most 20000, down to 12 directories. Throws Error ReadFailed for a directory that cannot be read.
std::vector<std::filesystem::path> source_files(const std::filesystem::path& directory);

} // namespace dkms
