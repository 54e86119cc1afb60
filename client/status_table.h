// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/state.h"

#include <string>
#include <vector>

namespace dkms {

/// The modules as a table with a line for each kernel, and the lines `below` it. `width`: columns to fit into, 0 for as
/// many as needed. No table for no modules.
std::string status_table(const std::vector<ModuleStatus>& modules, std::size_t width, const std::string& below);

/// How many modules there are, and a line for each kernel: "  6.1.0-1-amd64 *  2 installed, 1 failed".
std::string status_summary(const std::vector<ModuleStatus>& modules);

} // namespace dkms
