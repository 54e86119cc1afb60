// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/bash_complaints.h"
#include "lib/config/conf_source.h"
#include "lib/process/child.h"
#include "lib/process/sandbox.h"

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dkms {

/// What a configuration may use while bash evaluates it.
struct BashLimits {
    std::chrono::milliseconds time = std::chrono::seconds(10);
    std::size_t bytes = std::size_t{1024} * 1024;              ///< of all wanted values together
    std::vector<std::string> environment = base_environment(); ///< beside the documented variables
    SandboxKind sandbox = available_sandbox();
    std::uint64_t processes = 256;                           ///< at a time, with their threads
    std::uint64_t memory = std::uint64_t{512} * 1024 * 1024; ///< bytes, of all of them at a time
    bool is_roots = false; ///< only root could have written it: it is evaluated by root, if no sandbox is to be had
};

/// Evaluates any files by bash: in one shell, one after the other, then every wanted value once more. The shell sees
/// the documented variables and the base environment; the system is read-only, there is no network, its output is
/// discarded, but for what bash itself says about a line: that goes to `complaints`, also when the values are not what
/// was meant for it. Where there is no sandbox, and we are root, it runs as the user who builds; if it cannot, it is
/// not evaluated. What it leaves running is ended. Throws Error: ConfTimeout, ConfInvalid (it ended early, it has taken
/// too much, there is no bash, it would run with root's privileges).
ConfVariables evaluate_with_bash(std::span<const ConfSource> sources, const ConfScope& scope,
                                 const BashLimits& limits = {}, std::vector<BashComplaint>* complaints = nullptr);

} // namespace dkms
