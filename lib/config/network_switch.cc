// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/network_switch.h"

#include "lib/model/error.h"
#include "lib/process/descriptor.h"

namespace dkms {

bool network_allowed(const Places& places, const std::string& module)
{
    try {
        return read_file(places.config_dir / module / "network", 4096).starts_with("allow");
    } catch (const Error&) {
        return false;
    }
}

} // namespace dkms
