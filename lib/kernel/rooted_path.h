// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>

namespace dkms {

/// What `path` means on a system whose root directory is `root`: symbolic links are followed, absolute ones begin at
/// `root` and no link leads out of it. Components that do not exist are kept as they are. A `path` that does not lie
/// below `root` is resolved as the running system does it. After forty links the rest is kept as it is.
std::filesystem::path resolve_below(const std::filesystem::path& root, const std::filesystem::path& path);

} // namespace dkms
