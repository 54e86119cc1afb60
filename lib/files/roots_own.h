// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace dkms {

/// Why what is open is not root's own and no secret, as the end of a sentence that begins with its name ("belongs to
/// another user than root"); empty if it is: a regular file, or a directory with everything below it, that users other
/// than root could not have written and cannot write meanwhile, and that all of them can read. It belongs to root, is
/// not to be written by group or others, and lies on one file system, which is of the kind that keeps files. Throws
/// Error ReadFailed for what cannot be looked at. `shown` is its path, for errors.
std::string foreign_part(int handle, const std::string& shown);

} // namespace dkms
