// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>

namespace dkms {

/// What is at a path, without following a link that it is: file_type::not_found if nothing is. Throws Error ReadFailed
/// when that cannot be looked at.
std::filesystem::file_type kind_of_file(const std::filesystem::path& path);

/// The same, following links.
std::filesystem::file_type kind_behind(const std::filesystem::path& path);

} // namespace dkms
