// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/places.h"

#include <string>
#include <vector>

namespace dkms {

/// A module of an installed version.
struct PlacedModule {
    std::string name;      ///< without suffix
    std::string path;      ///< below <install tree>/K; empty when it is not there
    std::string directory; ///< below <install tree>/K: where it should be
};

/// The modules that installing M/V for a kernel has put into the install tree: those of the install record; without
/// one, those of module/ in the distribution's place or in the configured one, whichever holds a module of the same
/// version and source.
std::vector<PlacedModule> placed_modules(const Places& places, const ModuleId& module, const KernelId& kernel);

/// Files in module/ of M/V for a kernel that are modules, sorted: "foo.ko.xz".
std::vector<std::string> built_files(const Places& places, const ModuleId& module, const KernelId& kernel);

} // namespace dkms
