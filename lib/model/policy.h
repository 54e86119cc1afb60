// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string_view>

namespace dkms {

/// What it means for a kernel that a module could not be installed for it: nothing more than that it is missing; that
/// whoever installs the kernel is to fail; or that this machine does not boot with that kernel, which is said loudly,
/// too. The administrator decides (dkms-policy.conf(5)).
enum class Policy { optional, required, boot };
std::string_view name_of(Policy policy);
std::optional<Policy> policy_of(std::string_view name);

} // namespace dkms
