// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <filesystem>

namespace dkms {

/// What opening below a directory lets pass.
enum class Links {
    below,   ///< links are followed as long as they stay below; where the system cannot promise that, not at all
    refused, ///< no link and no other file system on the way
};

/// Opens `name` below an open directory for reading, whatever it is: without blocking, and never above that directory
/// (openat2(2); where that does not exist, component by component). Not valid, with errno, when it cannot be opened:
/// ELOOP or EXDEV for what is not let pass.
Descriptor open_below(int directory, const std::filesystem::path& name, Links links);

/// Opens the regular file `name` below `directory` for reading, Links::below. Not valid, with errno, when there is no
/// such file; EINVAL when it is something else.
Descriptor open_inside(const std::filesystem::path& directory, const std::filesystem::path& name);

} // namespace dkms
