// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <string>
#include <string_view>

namespace dkms::bus {

/// The property Identity: for the DKMS tree, the source tree and the install tree a line "DEVICE:INODE PATH" each,
/// "0:0" for one that does not exist.
std::string identity_of(const Places& places);

/// Whether this process sees the same directories at the same paths. False for a text that is not of that form.
bool sees_the_same(std::string_view identity);

/// The path of the install tree; empty for a text that is not of that form.
std::filesystem::path install_tree_in(std::string_view identity);

} // namespace dkms::bus
