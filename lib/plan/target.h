// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/plan/plan.h"

#include <optional>
#include <vector>

namespace dkms {

/// The module that a request is about.
struct Target {
    ModuleId module;                    ///< with its version
    std::optional<ModuleStatus> status; ///< nothing: it has to be added first
};

/// Throws Error: NoSuchModule, AlreadyAdded, SourceMissing, BrokenModule, InvalidArgs (which version?).
Target find_target(const Request& request, const PlanFacts& facts);

/// That the install tree has the kernel: a mistyped one is an error of the request, before anything is noted about it.
/// `builds`: it is to be built for, so whoever asks hears of headers (exit code 21). Throws Error NoSuchKernel.
void require_kernel(const KernelId& kernel, bool builds, const PlanFacts& facts);

/// The kernels that a request is about, each with its architecture, in the order given or in the tree's. Empty with the
/// option `all` for a module that is built for none.
/// Throws Error: NoSuchKernel, InvalidArgs (no kernel has headers).
std::vector<KernelId> find_kernels(const Request& request, const Target& target, const PlanFacts& facts);

/// What the tree says about a module for one kernel; nullptr if nothing.
const KernelStatus* status_for(const ModuleStatus& module, const KernelId& kernel);
/// Whether that is a build, be it installed or not.
bool is_built(const KernelStatus* status);
/// Whether that is installed, be it as a weak module.
bool is_installed(const KernelStatus* status);

/// Whether the module is built, or installed, for `kernel`.
bool is_built(const Target& target, const KernelId& kernel);
bool is_installed(const Target& target, const KernelId& kernel);

} // namespace dkms
