// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <chrono>

namespace dkms {

/// What a look at the bus says about the service.
enum class BusService {
    absent,    ///< no bus, or the name org.dkms1 is neither owned nor activatable
    silent,    ///< it could not be activated, or did not answer the read of its property within the limit
    elsewhere, ///< it answers, but works on other directories than this process sees (chroot, container with the host's
               ///< bus)
    usable,    ///< it answers and works on what this process sees
};

/// Looks for org.dkms1 on the system bus (DBUS_SYSTEM_BUS_ADDRESS where that is set), activating it when it is not
/// running, reads its property Identity (paths, devices and inodes of its DKMS, source and install tree) and compares
/// that with stat(2) of the same paths as this process sees them. Changes nothing. Takes at most `limit` altogether.
/// Does not throw: whatever goes wrong is one of the answers. The connection may be kept for make_bus_transport() to
/// use.
BusService probe_bus_service(std::chrono::milliseconds limit);

} // namespace dkms
