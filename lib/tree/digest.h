// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// The SHA-256 digests of files, 64 hexadecimal digits each, in the order of the files. What is not a regular file is
/// not read. Throws Error ReadFailed, SystemFailed.
std::vector<std::string> sha256_of(const std::vector<std::filesystem::path>& files);

/// The same of a file that is open for reading, called `shown`.
std::string sha256_of_open(int file, const std::filesystem::path& shown);

} // namespace dkms
