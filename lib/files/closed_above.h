// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>

namespace dkms {

/// The outermost directory above `path` that other users may not enter; empty if they may enter all.
std::filesystem::path closed_above(const std::filesystem::path& path);

} // namespace dkms
