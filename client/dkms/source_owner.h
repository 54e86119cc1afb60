// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string_view>

namespace dkms::legacy {

/// Throws Error SourceForeign unless the directory or archive that is open as `opened`, at `path`, belongs to root or
/// to the caller (behind sudo and pkexec: to whoever called these), and so do its dkms.conf and every directory on the
/// way to it, which no one else can write but where the sticky bit protects its entries. Scripts of a source run as
/// root, so a directory of someone else's must not be taken only because it has the name that was meant for a module.
void require_own_source(int opened, const std::filesystem::path& path);

} // namespace dkms::legacy
