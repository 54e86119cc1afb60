// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/places.h"

#include <vector>

#include <sys/types.h>

namespace dkms {

/// An install or uninstall that a killed process had left in the middle.
struct Recovered {
    ModuleId module;
    KernelId kernel;
    bool completed = false; ///< else it was taken back

    bool operator==(const Recovered&) const = default;
};

/// Finishes or takes back what intents in the tree speak of, runs depmod again where that is needed, and clears staging
/// and build directories that nobody uses any more. To be called by whoever has just taken the tree's lock, before the
/// first step: nothing else may be running then. Costs two look-ups when there is nothing to do. Throws Error
/// TreeNotWritable.
std::vector<Recovered> recover(const Places& places);

/// The same for the intents of one process alone, which has ended, while others are at work: left lying, they would one
/// day take back what was installed after them. Throws nothing.
std::vector<Recovered> recover_from(pid_t process, const Places& places) noexcept;

} // namespace dkms
