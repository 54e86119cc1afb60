// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>

namespace dkms {

/// The error for a failed change of `path`; `number` is the errno: DiskFull for a full disk, else TreeNotWritable.
[[noreturn]] void refuse_change(const std::filesystem::path& path, int number);

/// The error for something that exists and cannot be read: ReadFailed.
[[noreturn]] void refuse_read(const std::filesystem::path& path, int number);

/// Whether an errno says that there is no such file, and not that it could not be looked at.
bool means_absent(int number);

} // namespace dkms
