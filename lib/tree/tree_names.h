// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"

#include <optional>
#include <string_view>

namespace dkms {

// What the names of entries of a DKMS tree mean (docs/architecture.md, "The tree").

/// Reads "K-A" between `prefix` and `suffix` of a name, as in "kernel-K-A" and ".trouble-K-A.json"; nothing if it is
/// not made like that. No architecture has a '-' in its name; releases often have.
std::optional<KernelId> kernel_between(std::string_view name, std::string_view prefix, std::string_view suffix);

/// Whether a directory in <tree> may be a module's: not a hidden one, nor that of the file system itself.
bool may_be_module(std::string_view name);

/// Whether a directory in <tree>/M/V may be a kernel's: not a hidden one, nor one for products or for the build.
bool may_be_kernel(std::string_view name);

} // namespace dkms
