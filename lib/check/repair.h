// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"
#include "lib/model/problem.h"

namespace dkms {

/// Repairs a problem that is `certain`, and says so in it, or why it could not. Throws nothing but what stops the whole
/// step (Error Cancelled).
void repair(Problem& problem, const Places& places);

} // namespace dkms
