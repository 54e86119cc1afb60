// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/places.h"

#include <string>

namespace dkms {

/// Whether `release` can be booted: it has an image in places.boot_dir or in its module directory.
bool has_image(const Places& places, const std::string& release);

/// Whether a directory of the install tree belongs to a kernel: headers alone, or what modules have left behind, make
/// none.
bool is_kernel(const Places& places, const std::string& release);

/// The newest kernel with an image, which boots next; its release is empty if there is none.
KernelId next_kernel(const Places& places);

} // namespace dkms
