// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string_view>

namespace dkms {

/// Makes `target`, which must not exist, a synced copy of the regular file `source`: content, permission bits and
/// modification time. Returns 0, or the errno of what failed (ELOOP for a link, EINVAL for what is neither); then
/// nothing is left at `target`.
int copy_file_durably(const std::filesystem::path& source, const std::filesystem::path& target);

/// The same with the content given, mode 0644.
int write_new_file_durably(std::string_view content, const std::filesystem::path& target);

} // namespace dkms
