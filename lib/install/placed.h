// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/places.h"
#include "lib/tree/record.h"

#include <string>
#include <vector>

namespace dkms {

/// What is at the place of an installed module, by its content.
enum class Occupant {
    none,    ///< nothing
    own,     ///< the module: the bytes that were installed or are built now; or these compressed, stripped or signed
             ///< otherwise, or with the same version and source; or an empty file, as a crash leaves it
    damaged, ///< a file that is not a module
    foreign, ///< another module
};

/// A module of an installed version.
struct PlacedModule {
    std::string name;      ///< without suffix
    std::string path;      ///< below <install tree>/K; empty when nothing is there
    std::string directory; ///< below <install tree>/K: where it should be
    Occupant occupant = Occupant::none;
    std::string replaced_by = {}; ///< as in InstallRecord::File: what is there belongs to that one
};

/// The modules that installing M/V for a kernel has put into the install tree: those of the install record; without
/// one, those of module/ in the distribution's place or in the configured one, whichever holds a module of the same
/// version and source. Throws Error ReadFailed for a file that exists and cannot be read.
std::vector<PlacedModule> placed_modules(const Places& places, const ModuleId& module, const KernelId& kernel);

/// Files in module/ of M/V for a kernel that are modules, sorted: "foo.ko.xz".
std::vector<std::string> built_files(const Places& places, const ModuleId& module, const KernelId& kernel);

} // namespace dkms
