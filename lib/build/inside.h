// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <filesystem>

namespace dkms {

/// Opens the regular file `name` below `directory` for reading. What a build leaves behind cannot be trusted: links are
/// followed only as long as they stay below `directory`, and where the system cannot promise that, not at all. An empty
/// descriptor, with errno set, when there is no such file.
Descriptor open_inside(const std::filesystem::path& directory, const std::filesystem::path& name);

} // namespace dkms
