// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <filesystem>
#include <optional>
#include <string>

namespace dkms {

/// Why a module is not installed over the one that the kernel has. Facts of the event version-refused.
struct VersionRefusal {
    std::string reason;         ///< "older", "same", "unversioned"
    std::string installed;      ///< version of the kernel's own
    std::string offered;        ///< version of ours
    std::filesystem::path path; ///< of the kernel's own
};

/// Compares a built module with the one of that name that the kernel has: an older one is refused, and so is one with
/// the same version and the same source (srcversion), or without either and with the same content. Files that are no
/// modules are not compared.
std::optional<VersionRefusal> refused_version(const std::filesystem::path& built,
                                              const std::filesystem::path& existing);

/// Whether the kernel is one that the module does not need any more: `obsolete_by` names an equal or older one. An
/// empty one never does.
bool is_obsolete(const std::string& obsolete_by, const std::string& release);

/// What the files of /usr/share/dkms/modules_to_force_install say about a module package: a word "M" stands for
/// --force, "M_version-override" for
/// --force-version-override.
struct ForceList {
    bool force = false;
    bool version_override = false;
};
ForceList force_list(const Places& places, const std::string& name);

} // namespace dkms
