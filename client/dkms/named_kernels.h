// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/dkms/words.h"
#include "lib/model/ids.h"

#include <vector>

namespace dkms::legacy {

/// The kernels that the words name, in their order and as often as they do. Those without an architecture of their own
/// have that of -a: one for all of them, or one for each in order. An -a alone is about the running kernel.
std::vector<KernelId> kernels_of(const Words& words);

/// A kernel that is named again has its turn again: the list, cut where it would hold one twice.
std::vector<std::vector<KernelId>> turns_of(const std::vector<KernelId>& kernels);

/// Throws Fault (1) when -a is given more than once and not once for each kernel that has no architecture.
void check_architectures(const Words& words);
/// Throws Fault for an empty architecture (12) and an empty kernel (16).
void check_kernels_are_named(const Words& words);

} // namespace dkms::legacy
