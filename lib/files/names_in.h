// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// Calls `visit` for each name in an open directory but "." and "..", in no order; names are bytes that end with a zero
/// byte, `type` is DT_DIR and so on (getdents(2)), DT_UNKNOWN on some file systems. The directory is read from its
/// beginning, in pieces, so that it may have any number of entries; `visit` may delete the entry. Returns 0, or the
/// errno of the read that failed: then some names are missing.
int for_each_entry(int directory, const std::function<void(std::string_view, unsigned char type)>& visit);

/// The same, with the names only.
int for_each_name(int directory, const std::function<void(std::string_view)>& visit);

/// The names in a directory, links to it followed, sorted; nothing where it is missing. Throws Error ReadFailed.
std::optional<std::vector<std::string>> names_in(const std::filesystem::path& directory);

} // namespace dkms
