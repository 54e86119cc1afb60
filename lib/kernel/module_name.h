// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>

namespace dkms {

/// "foo" for foo.ko, foo.ko.xz …, foo.o; empty for other files.
std::string module_name_of(const std::filesystem::path& file);

} // namespace dkms
