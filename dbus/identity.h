// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <string>
#include <string_view>

namespace dkms::bus {

/// The property Identity: a line "DEVICE:INODE PATH" each for the DKMS tree, the source tree, the install tree, and the
/// root directory of the process; "0:0" for one that does not exist.
std::string identity_of(const Places& places);

/// How this process sees the directories that an Identity names.
enum class Sight {
    same,         ///< the same three trees, at the same paths
    other_system, ///< others, and another root directory: a chroot, or a container
    hidden,       ///< the same root directory, but not the same trees: each has mounts of its own
    unknown,      ///< the text is not an Identity
};
Sight sight_of(std::string_view identity);

/// The three trees; none for a text that is not of that form.
PlaceOptions trees_in(std::string_view identity);
/// The path of the install tree; empty for a text that is not of that form.
std::filesystem::path install_tree_in(std::string_view identity);

} // namespace dkms::bus
