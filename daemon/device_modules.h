// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/device_rules.h"
#include "lib/model/ids.h"
#include "lib/model/places.h"

#include <vector>

namespace dkms {

/// The modules of the tree of which no version is installed for `kernel`, and the newest could be; also those that do
/// not ask to be installed by themselves (AUTOINSTALL). Their aliases are those of the newest
/// build of any version for any kernel; a module that was never built has none. Nothing where autoinstall is switched
/// off. Starts no program, changes nothing, takes no lock.
std::vector<DeviceModule> modules_for_devices(const Places& places, const KernelId& kernel);

} // namespace dkms
