// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace dkms {

/// Why users other than root could have written what is open, or can write it meanwhile, as the end of a sentence that
/// begins with its name ("belongs to another user than root"); empty if none of them could. It is a regular file, or a
/// directory with everything below it: of root's, not to be written by group or others, on one file system, which is of
/// the kind that keeps files. Throws Error ReadFailed for what cannot be looked at. `shown` is its path, for errors.
std::string foreign_part(int handle, const std::string& shown);

} // namespace dkms
