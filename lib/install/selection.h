// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/process/work.h"

#include <map>
#include <string>
#include <vector>

namespace dkms {

/// A built module and where it goes.
struct InstallItem {
    std::string name; ///< without suffix
    std::string file; ///< in module/
    std::string path; ///< below <install tree>/K
};

/// Every module that the step's version has built for its kernel, in the order of its configuration; in the place that
/// the distribution gives to all modules, else where the configuration or the build record says. Throws Error
/// InstallFailed when one that should be there is not in the tree.
std::vector<InstallItem> built_items(const Work& work, const Conf& conf);

/// Whether the kernel has this very file of module/ at `path` (below <install tree>/K), where it belongs: an installer
/// leaves it so that registers here what it has put there itself.
bool is_there_already(const Work& work, const InstallItem& item, const std::string& path);

/// Those of `items` that may be installed besides the modules `existing` that the kernel has (names and paths below
/// <install tree>/K), all of them with `override_version`. Reports version-refused. Throws Error NothingInstallable
/// when none is left.
std::vector<InstallItem> installable(const Work& work, const Conf& conf, const std::vector<InstallItem>& items,
                                     const std::map<std::string, std::vector<std::string>>& existing,
                                     bool override_version);

} // namespace dkms
