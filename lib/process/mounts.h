// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/sandbox.h"

#include <string>
#include <vector>

namespace dkms {

/// bwrap's words that make the places of `sandbox` in a view of the system that is read-only: outer places before inner
/// ones. Where a place does not exist, the directory that lacks it is replaced by an empty one in memory, in which
/// everything that was in it is shown again.
std::vector<std::string> words_for_mounts(const Sandbox& sandbox);

} // namespace dkms
