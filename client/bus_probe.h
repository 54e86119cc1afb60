// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <chrono>
#include <string>

namespace dkms {

/// What a look at the bus says about the service.
enum class BusService {
    absent,  ///< no bus, one that does not let this process in, or the name org.dkms1 is neither owned nor activatable
    down,    ///< it does not run and could not be started within the limit
    unclear, ///< it runs, or the bus does not say whether it does; which trees it works on cannot be told, because it
             ///< did not answer within the limit, answered something else, or works in mounts of its own
    elsewhere, ///< it answers, but works on another system (chroot, container with the host's bus)
    usable,    ///< it answers and works on what this process sees
};

struct ProbedService {
    BusService service = BusService::absent;
    std::string reason = {}; ///< unclear: what was seen, for people, without a full stop
    PlaceOptions trees = {}; ///< usable: those it works on
};

/// Looks for org.dkms1 on the system bus (DBUS_SYSTEM_BUS_ADDRESS where that is set), activating it when it is not
/// running, reads its property Identity (paths, devices and inodes of its trees) and compares that with stat(2) of the
/// same paths as this process sees them. Changes nothing. Takes at most `limit`, and a second to find out whether a
/// service that did not answer runs. Does not throw: whatever goes wrong is one of the answers.
ProbedService probe_bus_service(std::chrono::milliseconds limit);

} // namespace dkms
