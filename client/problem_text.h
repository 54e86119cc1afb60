// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/problem.h"

#include <string>
#include <vector>

namespace dkms {

/// Two lines about a problem: what is wrong, and what was or can be done about it. Without control characters.
std::string problem_text(const Problem& problem);

/// "3 problems, 2 of them repaired", "1 problem".
std::string problems_summary(const std::vector<Problem>& problems);

} // namespace dkms
