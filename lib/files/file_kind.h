// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <optional>

namespace dkms {

// What is at a path. Only what is not there counts as not there (means_absent() in refusal.h): all of these throw Error
// ReadFailed for what cannot be looked at. std::filesystem's own functions do not tell the two apart, or throw what
// nobody catches, so nothing else of this project calls them.

/// What is at a path, without following a link that it is: file_type::not_found if nothing is.
std::filesystem::file_type kind_of_file(const std::filesystem::path& path);

/// The same, following links.
std::filesystem::file_type kind_behind(const std::filesystem::path& path);

/// Whether there is anything of that name, a dangling link too.
bool is_present(const std::filesystem::path& path);

/// Whether a path, its links followed, leads to anything; to a regular file; to a directory.
bool leads_somewhere(const std::filesystem::path& path);
bool leads_to_file(const std::filesystem::path& path);
bool leads_to_directory(const std::filesystem::path& path);

/// The text of a symbolic link; nothing where there is no link.
std::optional<std::filesystem::path> link_text_of(const std::filesystem::path& path);

/// The path without links, "." and ".."; nothing where it leads nowhere, be it in a circle.
std::optional<std::filesystem::path> real_path(const std::filesystem::path& path);

} // namespace dkms
