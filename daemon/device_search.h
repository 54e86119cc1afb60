// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace dkms {

/// The devices on the buses below `sys` (/sys) that have no driver and a modalias which one of `aliases` matches, a
/// glob(7); their real paths, each once.
std::vector<std::filesystem::path> devices_without_driver(const std::filesystem::path& sys,
                                                          const std::set<std::string>& aliases);

} // namespace dkms
