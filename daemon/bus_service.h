// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/supervisor.h"

#include <chrono>
#include <optional>
#include <string>

namespace dkms {

struct BusServiceSetup {
    Supervisor::Setup supervisor;
    std::string version;                           ///< shown as the property Version
    std::filesystem::path run;                     ///< see tell_at_login; empty: nobody is told
    std::optional<std::chrono::seconds> idle_exit; ///< leave after so long without work and without calls; absent: stay
};

/// Is org.dkms1 on the system bus (or on DBUS_SYSTEM_BUS_ADDRESS) until SIGTERM or SIGINT, or until it has been idle
/// for long enough. Tells the service manager (READY, STOPPING, watchdog) where there is one.
///
/// The bus may go away and come back: jobs go on meanwhile, and are shown again. Without a bus and without work it
/// ends.
///
/// Returns the exit code: 0 after an orderly end, 1 when the bus is lost. Throws Error ServiceUnavailable when there is
/// no bus at the start or the name cannot be had; Internal.
int run_bus_service(const BusServiceSetup& setup);

} // namespace dkms
