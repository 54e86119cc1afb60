// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/verb.h"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace dkms {

/// One change of which version of a module is installed for a kernel.
struct HistoryEntry {
    ModuleId module;
    KernelId kernel;
    bool installed = true;        ///< else it was uninstalled
    Verb request = Verb::install; ///< what was asked for: install, switch_version, autoinstall, remove …
    std::string replaced = {};    ///< the version that was installed before; the same one where it was installed again
    std::string origin = {}; ///< where the build came from: "built" on this machine, "archive", or empty: not known
    double at = 0;           ///< seconds since the epoch
    unsigned uid = 0;        ///< who asked
    JobId job = 0;           ///< of the service; 0: without it

    bool operator==(const HistoryEntry&) const = default;
};

/// {"name":"m","version":"v","kernel":"6.1.0","arch":"x86_64","change":"installed","request":"switch","replaced":"w",
/// "origin":"built","at":1700000000.5,"uid":0,"job":3}; what is empty is left out.
nlohmann::json to_json(const HistoryEntry& entry);
/// Throws nlohmann::json::exception for what is not made like that.
HistoryEntry history_entry_from_json(const nlohmann::json& value);

} // namespace dkms
