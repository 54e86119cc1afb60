// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/places.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// Where specs of others are looked for: names in the module's source, and in the configuration (Places::config_dir).
struct SpecNames {
    std::string wanted; ///< in the source; if it is not empty, no other will do
    std::vector<std::string> in_source;
    std::vector<std::string> in_configuration;
};

/// The text of the first spec that is there: of the source, then of the configuration; nothing if there is none, then
/// the built-in one is meant. Links in the source do not lead out of it. Throws Error SpecMissing (`product` is what is
/// made), ReadFailed.
std::optional<std::string> foreign_spec(const SpecNames& names, const ModuleId& module, const Places& places,
                                        const std::string& product);

} // namespace dkms
