// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <filesystem>
#include <utility>
#include <vector>

namespace dkms {

/// What a sandbox has to show of another root (--root) in its own place, so that what names it by absolute paths, as
/// headers of kernels do, finds it: the trees, and Debian's programs of the headers. Compilers are this system's. Each
/// is a place on this system, and where it appears. Empty for the running system.
std::vector<std::pair<std::filesystem::path, std::filesystem::path>> image_view(const Places& places);

} // namespace dkms
