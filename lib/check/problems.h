// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"
#include "lib/model/problem.h"

#include <vector>

namespace dkms {

// Both look and change nothing. Nothing else may be at work in the trees, or what is under way counts as left over.
// They throw Error ReadFailed: what cannot be read is no reason to call the rest sound.

/// What is wrong in the DKMS tree, module by module.
std::vector<Problem> problems_in_tree(const Places& places);

/// What is wrong below <install tree>/K, for each kernel that has a directory there: what is left over, what is
/// installed and is not there or not indexed, and modules in updates/dkms that no module package owns.
std::vector<Problem> problems_in_kernels(const Places& places);

} // namespace dkms
