// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/verb.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// What the tree says about a module for one kernel. `failed`, `waiting` and `skipped` come from the dot files of
/// docs/architecture.md, everything else from the tree itself.
enum class KernelState { built, installed, installed_weak, failed, waiting, skipped };
std::string_view name_of(KernelState state);
std::optional<KernelState> kernel_state_of(std::string_view name);

/// What to look for in the tree; empty members match everything. As JSON an object with the members that are not empty.
struct StatusFilter {
    std::string module;
    std::string version;
    std::string kernel; ///< a glob(7) on the release
    std::string arch;

    bool operator==(const StatusFilter&) const = default;
};
nlohmann::json to_json(const StatusFilter& filter);
/// Throws Error InvalidArgs for unknown keys.
StatusFilter status_filter_from_json(const nlohmann::json& value);

struct KernelStatus {
    KernelId kernel;
    KernelState state = KernelState::built;
    std::string note;           ///< why it failed, waits or was skipped; of a built one, why installing it failed, or
                                ///< that it is unsigned and should not be; or empty
    std::string weak_from;      ///< installed_weak: the release it was built for
    std::optional<JobId> job;   ///< the job that failed, if one is known
    std::string log;            ///< path of the make.log, if there is one
    bool originals = false;     ///< original modules are archived
    bool differs = false;       ///< an installed file is not the built one
    bool missing = false;       ///< an installed file is no longer in the kernel's directory
    bool build_missing = false; ///< a built module is no longer in the DKMS tree
    bool bad_record = false;    ///< what stands in the place of the record of its installation cannot be read
    bool stale = false;         ///< its build was made from a source that has been replaced since
    bool running = false;       ///< this is the running kernel
    /// M/V of the DKMS module that has taken the place of a built one in the kernel: not installed, nor does it lack.
    std::string replaced_by;
    /// What its build was allowed or spared, see BuildSwitches::opened; "no sandbox" where the system had none.
    std::vector<std::string> opened;
    /// Installed: its scripts that failed when it was installed, each with how: "POST_INSTALL (exit code 3)".
    std::vector<std::string> failed_scripts = {};

    /// Whether what is built is in the tree, and what is installed is in the kernel's directory as it was built, and
    /// known.
    bool is_intact() const { return !differs && !missing && !build_missing && !bad_record; }

    bool operator==(const KernelStatus&) const = default;
};

/// A module and version of the tree.
struct ModuleStatus {
    ModuleId module;
    bool broken = false; ///< its source link is missing or leads nowhere
    std::string source;  ///< where its source lies; empty when broken
    std::vector<KernelStatus> kernels;

    bool operator==(const ModuleStatus&) const = default;
};

/// {"name":"m","version":"v","broken":false,"source":…,"kernels":[{"release":…,"arch":…,"state":"installed",…}]}
nlohmann::json to_json(const KernelStatus& status);
KernelStatus kernel_status_from_json(const nlohmann::json& value);
nlohmann::json to_json(const ModuleStatus& status);
ModuleStatus module_status_from_json(const nlohmann::json& value);

} // namespace dkms
