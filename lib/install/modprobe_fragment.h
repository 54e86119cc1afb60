// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/model/places.h"

#include <string>

namespace dkms {

/// <modprobe_dir>/dkms-M.conf, where MODULES_CONF_ALIAS_TYPE of a module package becomes lines of modprobe.d(5).
std::filesystem::path modprobe_fragment(const Places& places, const std::string& name);

/// Its text: "alias <type><n> <module>" for every record with an alias type, n being the lowest number that no other
/// file of modprobe_dir uses for that type. Empty when the configuration asks for none.
std::string modprobe_text(const Places& places, const Conf& conf);

} // namespace dkms
