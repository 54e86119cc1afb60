// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/pack_content.h"

#include <set>
#include <string>
#include <vector>

namespace dkms {

/// What package managers find a driver for a device by: "modalias(PATTERN) = VERSION" for every alias of the modules,
/// sorted. VERSION is that of the module, or `version` where it has none. What a dependency cannot hold, commas and
/// blanks, is a '?', which matches it.
std::set<std::string> modalias_provides(const std::vector<PackedModule>& modules, const std::string& version);

/// "Provides: X" for each, as lines of a spec; `tag` is "Provides" or "Requires".
std::string dependency_lines(const std::string& tag, const std::set<std::string>& dependencies);

} // namespace dkms
