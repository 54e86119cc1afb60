// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace dkms {

/// Whether a module is built in a sandbox: never; where the system has one; or not at all without one.
enum class SandboxUse { off, preferred, required };

/// What the administrator lets the builds of one module do, dkms-policy.conf(5): the settings network, read, write and
/// sandbox, and of old the file <configuration>/M/network that holds "allow".
struct BuildSwitches {
    bool network = false;
    std::vector<std::filesystem::path> read;  ///< can be read, too, wherever they are
    std::vector<std::filesystem::path> write; ///< can be written, too
    SandboxUse sandbox = SandboxUse::preferred;
    std::vector<std::string> faults; ///< sentences about lines and files that were ignored

    /// What differs from the rule, for records and people: "network", "read /opt/sdk", "write /srv/x", "sandbox off".
    std::vector<std::string> opened() const;
};

/// `settings`: what holds where no line says otherwise (Work::settings); of it, "sandbox".
BuildSwitches build_switches(const Places& places, const std::string& module,
                             const std::map<std::string, std::string>& settings);

} // namespace dkms
