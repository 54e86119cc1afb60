// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/progress.h"

#include <string>

namespace dkms {

/// How the modules of a kernel came out of an autoinstall, which must have ended: what it says beside the result of
/// each.

/// How many were installed, failed, wait …, what those that wait for the kernel's headers need, and which that failed
/// are required; lines. Empty when there was nothing to do.
std::string kernel_summary(const ProgressBoard& board);

/// A block of lines that can hardly be overlooked, when a module is missing that the machine needs to boot (policy
/// `boot`): which, why, and which kernel to keep. Else empty. `running`: release of the running kernel. `service`: as
/// for failure_details.
std::string boot_warning(const ProgressBoard& board, bool service, const std::string& running);

/// For a hook of a kernel's package: 0, unless a module failed that the policy says is required or needed to boot; then
/// that of AutoinstallFailed. A module that waits for the kernel's headers has not failed.
int hook_exit_code(const ProgressBoard& board);

} // namespace dkms
