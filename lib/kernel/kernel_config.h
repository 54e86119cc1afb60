// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace dkms {

/// What a kernel was configured with: "CONFIG_X" → "y", "m", a number, or the text without its quotes. What is not set
/// is not in it.
using KernelConfig = std::map<std::string, std::string>;

/// Reads the text of a .config or include/config/auto.conf. Lines that are no assignments are passed over.
KernelConfig parse_kernel_config(std::string_view text);

/// The same from a file; empty if it cannot be read.
KernelConfig read_kernel_config(const std::filesystem::path& file);

} // namespace dkms
