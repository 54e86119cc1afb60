// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/kernel/kernel_config.h"
#include "lib/model/places.h"

#include <optional>
#include <string>
#include <string_view>

namespace dkms {

// A kernel refuses a module whose "vermagic" is not its own, byte for byte: the release and then flags, each with a
// space behind it. Only the release may differ, and only where the module has a version for each symbol it uses.

/// "6.1.0-1-amd64" of "6.1.0-1-amd64 SMP preempt mod_unload modversions ".
std::string release_of_vermagic(std::string_view vermagic);

/// The rest: "SMP preempt mod_unload modversions ".
std::string flags_of_vermagic(std::string_view vermagic);

/// The flags of the modules that came with a kernel, as one of them has them (the first that modules.order lists and
/// that exists); nothing if there is none.
std::optional<std::string> flags_of_kernel(const Places& places, const std::string& release);

/// Why a kernel with this configuration refuses a module with these flags: "it has no 'preempt', which the kernel
/// has". Nothing if it does not, as far as its configuration tells: of architectures' own flags it does not.
std::optional<std::string> flags_fault(std::string_view flags, const KernelConfig& config);

} // namespace dkms
