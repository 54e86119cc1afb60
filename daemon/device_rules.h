// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// A module that the running kernel lacks, and the devices that it is for.
struct DeviceModule {
    std::string name;
    std::vector<std::string> aliases; ///< as modinfo(8) shows them

    bool operator==(const DeviceModule&) const = default;
};

/// Whether an alias can be that of a device, and holds nothing that means something to udev. Aliases are foreign text:
/// what is not known to be harmless is refused.
bool is_device_alias(std::string_view alias);

/// The unit that installs the module; empty for a name that would have to be escaped in it: systemd has changed how it
/// reads a backslash in the property that names units to start.
std::string device_unit(std::string_view name);

/// Rules for udev(7): a device that appears and has one of the aliases starts the unit of its module. A device without
/// a modalias, and an event of another kind, costs two comparisons. Aliases that are refused are left out. Empty when
/// there is nothing to say.
std::string rules_text(const std::vector<DeviceModule>& modules);

/// The aliases in such a text.
std::set<std::string> aliases_in(std::string_view rules);

} // namespace dkms
