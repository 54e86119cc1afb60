// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>

namespace dkms {

/// The path that an open descriptor was opened by, as far as the kernel knows; for messages only.
std::string name_of_handle(int descriptor);

/// A path that leads to what is open, and to nothing else.
std::filesystem::path path_of_handle(int descriptor);

} // namespace dkms
