// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <map>
#include <optional>
#include <string>

namespace dkms {

/// Which distribution's rules apply, from os-release(5): ID on Ubuntu, else ID_LIKE where set, else ID.
enum class Distribution { debian, ubuntu, fedora, rhel, suse, arch, gentoo, other };

/// Throws Error ConfMissing when there is no os-release at all.
Distribution distribution(const Places& places);

/// The same as os-release(5) writes it: "debian", "suse opensuse"; empty when there is none.
std::string distribution_name(const Places& places);

/// Where modules of this distribution are installed whatever their configuration says ("/updates/dkms", "/extra",
/// "/updates"); nothing: where DEST_MODULE_LOCATION says. `addon_modules_dir` (from ADDON_MODULES_DIR) wins when not
/// empty.
std::optional<std::string> destination_override(Distribution distribution, const std::string& addon_modules_dir = {});

/// The same for this system: ADDON_MODULES_DIR of `settings` (see inherited_settings), else of
/// /etc/sysconfig/module-init-tools, else its distribution's; nothing without an os-release.
std::optional<std::string> destination_override(const Places& places,
                                                const std::map<std::string, std::string>& settings = {});

} // namespace dkms
