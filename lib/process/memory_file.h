// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace dkms {

/// A file in memory that holds `content`, to be read from its beginning. Throws Error SystemFailed.
Descriptor memory_file(std::string_view content);

/// What such a file, or a regular one, holds, wherever it has been read to. Throws Error SystemFailed: it is none,
/// larger than `most` bytes, or cannot be read.
std::string content_of(const Descriptor& file, std::size_t most);

} // namespace dkms
