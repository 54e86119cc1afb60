// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"

#include <optional>
#include <string>
#include <string_view>

/// What daemon and client have in common on the bus.
namespace dkms::bus {

inline constexpr const char* service_name = "org.dkms1";
inline constexpr const char* manager_path = "/org/dkms1";
inline constexpr const char* manager_interface = "org.dkms1.Manager";
inline constexpr const char* job_interface = "org.dkms1.Job";
inline constexpr std::string_view job_path_prefix = "/org/dkms1/job/_";

/// Names of the bus itself and of the standard interfaces.
inline constexpr const char* bus_name = "org.freedesktop.DBus";
inline constexpr const char* bus_path = "/org/freedesktop/DBus";
inline constexpr const char* bus_interface = "org.freedesktop.DBus";
inline constexpr const char* properties_interface = "org.freedesktop.DBus.Properties";

/// "/org/dkms1/job/_17"
inline std::string job_path(JobId job) { return std::string(job_path_prefix) + std::to_string(job); }

} // namespace dkms::bus
