// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"
#include "lib/plan/needs.h"

#include <nlohmann/json_fwd.hpp>

#include <vector>

namespace dkms {

/// An installed kernel that lacks modules which want to be there.
struct KernelGap {
    KernelId kernel;
    bool running = false;
    bool boots_next = false; ///< the newest one that can be booted
    struct Missing {
        ModuleId module;
        std::string state;  ///< "failed", "waiting", "deferred", "broken", "missing"
        std::string reason; ///< for people, without a full stop

        bool operator==(const Missing&) const = default;
    };
    std::vector<Missing> missing;

    bool operator==(const KernelGap&) const = default;
};

/// The installed kernels (those with an image, or with modules of their own) that lack modules, newest first. A module
/// that says it is not for a kernel is not missing there. Starts no program; what only bash could tell is taken from
/// records, and left out where there are none. Some milliseconds for fifty modules and four kernels.
std::vector<KernelGap> kernel_gaps(const Places& places);

nlohmann::json to_json(const KernelGap& gap);
KernelGap kernel_gap_from_json(const nlohmann::json& value);

/// "6.12.117-amd64 boots next and lacks v4l2loopback, xtables-addons." For status and the message of the day.
std::string sentence_about(const KernelGap& gap);

} // namespace dkms
