// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace dkms {

/// A path inside an archive, as it is to be unpacked.
struct InnerPath {
    std::string path;  ///< "a/b", without "." and empty parts; empty for the archive's own root
    std::string fault; ///< why it is refused; empty if it is not
};

/// Refused: absolute paths, "..", control characters, what is not UTF-8, and what is too long for a file system.
InnerPath inner_path(std::string_view text);

/// Why the text of a link is refused, for the same reasons, but for where it leads; empty if it is not.
std::string text_fault(std::string_view text);

/// Whether a symbolic link stays below the directory that it is looked at from: the target is relative, has ".." only
/// in front, and not more of them than `depth`, the number of directories above the link. When all links of a tree
/// without links to it obey this, no way through them leaves the tree.
bool link_stays(std::size_t depth, std::string_view target);

/// Number of directories above the last part of "a/b/c": 2.
std::size_t depth_of(std::string_view path);

/// A foreign name in a form that can be shown: whatever is not printable ASCII as '?', cut to a line's length.
std::string shown_name(std::string_view name);

} // namespace dkms
