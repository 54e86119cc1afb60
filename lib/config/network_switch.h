// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <string>

namespace dkms {

/// Whether the administrator lets a module's build use the network: /etc/dkms/M/network holds "allow".
bool network_allowed(const Places& places, const std::string& module);

} // namespace dkms
