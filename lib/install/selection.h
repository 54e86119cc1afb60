// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/process/work.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dkms {

/// A built module and where it goes.
struct InstallItem {
    std::string name; ///< without suffix
    std::string file; ///< in module/
    std::string path; ///< below <install tree>/K
    /// The path that DEST_MODULE_LOCATION names, if the distribution gives it another.
    std::string configured_path = {};
};

/// Every module that the step's version has built for its kernel, in the order of its configuration; in the place that
/// the distribution gives to all modules, else where the configuration or the build record says. Throws Error
/// InstallFailed when one that should be there is not in the tree.
std::vector<InstallItem> built_items(const Work& work, const Conf& conf);

/// Whether the kernel has this very file of module/ at `path` (below <install tree>/K), where it belongs: an installer
/// leaves it so that registers here what it has put there itself.
bool is_there_already(const Work& work, const InstallItem& item, const std::string& path);

/// What a kernel has of modules that are to be installed.
struct ExistingModules {
    std::map<std::string, std::vector<std::string>> paths; ///< by name: below <install tree>/K
    std::map<std::string, ModuleId> owners;                ///< of paths that other DKMS modules own
    /// Names of packages whose modules have taken the place of ours on other kernels.
    std::set<std::string> preferred = {};
};

/// Gives those of `items` the path that the configuration names which the kernel has there already, byte for byte, and
/// nowhere else: an installer has put them there, and registers them here.
void leave_where_they_are(const Work& work, std::vector<InstallItem>& items, const ExistingModules& existing);

/// The other DKMS module that has a module of this name in the kernel, if it is the only one there.
const ModuleId* other_owner(const ExistingModules& existing, const std::string& name);

/// Reports, as warnings, why those of `items` that somebody forces would not have been installed: the kernel has the
/// module already (OBSOLETE_BY), or a newer one. That the same one is installed once more is what was asked for.
void tell_what_is_overridden(const Work& work, const Conf& conf, const std::vector<InstallItem>& items,
                             const ExistingModules& existing);

/// Those of `items` that may be installed besides what the kernel has, all of them with `override_version`. What is the
/// very file of module/ already may be, unless it is another module's. In a batch, which nobody asked for by name, a
/// preferred other's stays as well. Reports version-refused, or a warning where another's stays in a batch. Throws
/// Error NothingInstallable when none is left; its parameter "owner" is the other module, if all that is in the way is
/// other modules'.
std::vector<InstallItem> installable(const Work& work, const Conf& conf, const std::vector<InstallItem>& items,
                                     const ExistingModules& existing, bool override_version);

} // namespace dkms
