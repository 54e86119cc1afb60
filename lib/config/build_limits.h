// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/policy_conf.h"

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace dkms {

/// What one build may take of the machine, all of its commands together. Absent limits are `unlimited`.
struct BuildLimits {
    static constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

    std::uint64_t time = 4 * 3600;                    ///< "time": seconds that its commands run
    std::uint64_t memory = unlimited;                 ///< "memory": bytes, of all its processes at a time
    std::uint64_t processes = 4096;                   ///< "processes": with their threads, at a time
    std::uint64_t file_size = std::uint64_t{4} << 30; ///< "file-size": bytes of one file
    std::uint64_t space = std::uint64_t{16} << 30;    ///< "space": bytes of all files that it has written
    std::uint64_t output = std::uint64_t{256} << 20;  ///< "output": bytes of what its commands say
};

/// The limits for the builds of a module: what the administrator says in lines "MODULE SETTING VALUE", the last that
/// matches; else those above, and three quarters of `machine_memory` (bytes) for "memory". Values that are not
/// understood count as not said; sentences about them are added to `faults`.
BuildLimits build_limits(const PolicyConf& policy, const std::string& module, std::uint64_t machine_memory,
                         std::vector<std::string>& faults);

/// The names of the settings that are limits: "time", "memory" …
std::vector<std::string_view> limit_names();

/// As a person says it: "4 hours", "90 seconds"; "16 GiB", "1.5 GiB".
std::string duration_text(std::uint64_t seconds);
std::string size_text(std::uint64_t bytes);

/// As it is written in a line: "4h", "16G", "4096".
std::string setting_value(std::string_view setting, std::uint64_t value);

} // namespace dkms
