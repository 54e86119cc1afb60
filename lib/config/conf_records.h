// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf_values.h"

#include <filesystem>
#include <vector>

namespace dkms {

/// The records of a configuration: BUILT_MODULE_NAME[#], BUILT_MODULE_LOCATION[#], DEST_MODULE_NAME[#],
/// DEST_MODULE_LOCATION[#] and STRIP[#], one for each index at which one of the first four is set. `file` and `package`
/// (PACKAGE_NAME) are for errors and the default name. Throws Error ConfInvalid; for duplicates only when strict.
std::vector<ConfModule> conf_records(const std::filesystem::path& file, const ConfValues& values,
                                     const std::string& package, Strictness strictness);

} // namespace dkms
