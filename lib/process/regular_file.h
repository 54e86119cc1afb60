// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <filesystem>

namespace dkms {

/// Opens a file for reading, close-on-exec, without waiting for anything: a pipe, a device or a directory in its place
/// is not read. Empty with errno set as by open(2), or EINVAL where it is no regular file. `flags` as for open(2),
/// beside those that this needs.
Descriptor open_regular(const std::filesystem::path& path, int flags = 0);

} // namespace dkms
