// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/state.h"

#include <string>
#include <vector>

namespace dkms {

/// The modules as a table with a line for each kernel, and below it which kernels lack modules that others have.
/// `width`: columns to fit into, 0 for as many as needed. Empty for no modules. `complete`: these are all modules of
/// the tree, so that it can be told what is lacking.
std::string status_table(const std::vector<ModuleStatus>& modules, std::size_t width, bool complete);

} // namespace dkms
