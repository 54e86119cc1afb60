// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// The program weak-modules of Red Hat and SUSE, which links modules into other kernels with the same symbols. Nothing
/// on other distributions, where it is not installed, and for an install tree that is not the system's own, which it
/// does not know.
std::optional<std::filesystem::path> weak_modules_program(const Places& places);

/// Runs it: `add` or `remove` of modules, absolute paths. What it says goes to our standard output. False when it
/// failed.
bool run_weak_modules(const std::filesystem::path& program, bool add, const std::vector<std::string>& modules);

/// Runs it where there is one, and reports that; that it failed is a warning. False where there is none, or no modules.
bool update_weak_links(const Work& work, bool add, const std::vector<std::string>& modules);

/// The symbolic links below <install tree>/*/weak-updates that lead to one of `modules`, sorted.
std::vector<std::string> weak_links_to(const Places& places, const std::vector<std::string>& modules);

} // namespace dkms
