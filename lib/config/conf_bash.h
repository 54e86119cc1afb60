// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf_source.h"
#include "lib/process/child.h"
#include "lib/process/sandbox.h"

#include <chrono>
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
};

/// Evaluates any files by bash: in one shell, one after the other, then every wanted value once more. The shell sees
/// the documented variables and the base environment; the system is read-only, there is no network, its output is
/// discarded. Throws Error: ConfTimeout, ConfInvalid (it ended early, its values are too long, there is no bash).
ConfVariables evaluate_with_bash(std::span<const ConfSource> sources, const ConfScope& scope,
                                 const BashLimits& limits = {});

} // namespace dkms
