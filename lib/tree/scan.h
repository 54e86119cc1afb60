// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"
#include "lib/model/state.h"
#include "lib/tree/layout.h"

#include <optional>
#include <vector>

namespace dkms {

/// How much to find out. `quick` believes the links of the tree: it looks at no file, built or installed, nor does it
/// say of what is built that it is unsigned. What a kernel has, only `full` says: KernelStatus::is_intact().
enum class ScanDepth { quick, full };

/// Reads the tree: modules in byte order of their names, versions in the order of compare_versions, kernels likewise.
/// Never starts a program, takes no lock, tolerates foreign files and directories that vanish while it reads. Throws
/// Error ReadFailed for a directory of modules, versions or builds that is there and cannot be read: nothing is said of
/// a part of the tree as if it were all.
/// Predicates: docs/architecture.md, "States".
std::vector<ModuleStatus> scan(const Places& places, const StatusFilter& filter = {},
                               ScanDepth depth = ScanDepth::full);

/// One module, or nothing if it is not in the tree.
std::optional<ModuleStatus> scan_module(const Places& places, const ModuleId& module,
                                        ScanDepth depth = ScanDepth::quick);

/// The version that is installed for `kernel`, by the kernel-K-A link; nothing if none is. Throws
/// Error ReadFailed.
std::optional<std::string> active_version(const Layout& layout, const std::string& name, const KernelId& kernel);

} // namespace dkms
