// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace dkms {

/// Runs `work` in a child that has none of our privileges: where we are root, as the user that builds run as; without
/// capabilities and unable to gain any, without an open file but those in `keep`, and limited in processor time, memory
/// and the size of what it writes. For reading files that others have made with libraries that may not be made for it.
///
/// What it returns comes back; an Error that it throws is thrown here. Whatever else ends the child is Error Internal.
/// What comes back may have been made up by the file that was read: it is to be looked at like the file itself.
std::string run_unprivileged(const std::vector<int>& keep, const std::function<std::string()>& work);

} // namespace dkms
