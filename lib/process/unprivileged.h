// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <optional>
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

/// The words before those of a command that run it as the user that builds run as, unable to gain privileges. None
/// where there is nothing to give up: we are an ordinary user, or root of a user namespace that does not have that
/// user. Nothing if it cannot be done; unprivileged_missing_because() has the reason, as the end of a sentence.
std::optional<std::vector<std::string>> words_without_privileges();
std::string unprivileged_missing_because();

} // namespace dkms
