// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/kernel/kernel_config.h"
#include "lib/model/ids.h"

#include <filesystem>
#include <optional>
#include <string>

namespace dkms {

/// Why a kernel loads only signed modules, in words that complete "because": "it was configured with
/// CONFIG_MODULE_SIG_FORCE". Nothing if it loads others, too, as far as can be known: `config` says it of every kernel;
/// of the kernel that runs, /sys does (sig_enforce, lockdown); of kernels that may be booted on this machine, UEFI
/// Secure Boot does, where the kernel obeys it. `system`: the root below which /sys is looked for; empty: `config` is
/// all there is, as for the image of another machine.
std::optional<std::string> signature_enforcement(const KernelId& kernel, const KernelConfig& config,
                                                 const std::filesystem::path& system,
                                                 const std::string& running = running_release());

} // namespace dkms
