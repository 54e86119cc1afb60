// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/places.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// How far a kernel and its headers have arrived on the disk.
struct ArrivingKernel {
    /// Its modules are there and what a build needs of its headers: Makefile, and the one that it includes (some
    /// distributions have their headers in two packages), Module.symvers, the configuration, the scripts.
    bool complete = false;
    std::vector<std::filesystem::path> awaited; ///< directories in which the next part that is missing will appear
    std::string stamp;                          ///< differs as long as files come; only of a complete one
};

/// Looks at directories and at one line of the Makefile; some hundred at most.
ArrivingKernel look_at(const KernelId& kernel, const Places& places);

/// The directory itself, or the nearest one above it that exists.
std::filesystem::path nearest_directory(std::filesystem::path path);

} // namespace dkms
