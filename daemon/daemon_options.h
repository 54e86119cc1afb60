// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/framework.h"
#include "lib/model/error.h"
#include "lib/model/places.h"

#include <chrono>
#include <filesystem>
#include <optional>

namespace dkms {

enum class DaemonMode { service, stdio, version, introspect };

/// The command line of dkmsd(8).
struct DaemonOptions {
    DaemonMode mode = DaemonMode::service;
    PlaceOptions places;
    unsigned parallel = 0; ///< 0: as many as processors
    std::optional<std::chrono::seconds> idle_exit;
    std::size_t most_jobs = 2048; ///< that have not ended
    bool units = false;           ///< steps are done by units of systemd instead of children
};

/// Throws Error InvalidArgs.
DaemonOptions read_daemon_options(int argc, char** argv);

/// The dkms-worker that belongs to this dkmsd: beside it in a build directory, else where it was installed.
std::filesystem::path find_worker();

} // namespace dkms
