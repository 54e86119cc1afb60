// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/places.h"

namespace dkms {

/// How long a build of the module will take, in seconds; a guess, to be compared with that of others. As long as the
/// last build of any version of it for any kernel (the newest record that has a duration); without one, by the bytes of
/// C in its source.
double expected_duration(const Places& places, const ModuleId& module);

} // namespace dkms
