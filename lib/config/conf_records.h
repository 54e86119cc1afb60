// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf_values.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// The records of a configuration: BUILT_MODULE_NAME[#], BUILT_MODULE_LOCATION[#], DEST_MODULE_NAME[#],
/// DEST_MODULE_LOCATION[#] and STRIP[#], one for each index at which one of the first four is set. `file` and `package`
/// (PACKAGE_NAME) are for errors and the default name. Throws Error ConfInvalid; for duplicates only when strict.
std::vector<ConfModule> conf_records(const std::filesystem::path& file, const ConfValues& values,
                                     const std::string& package, Strictness strictness);

/// What is wrong with a record.
struct RecordFault {
    std::string directive; ///< "DEST_MODULE_LOCATION"
    unsigned index = 0;
    std::string reason; ///< a sentence
};
/// Everything that conf_records refuses when strict, one after the other. For telling an author all at once.
std::vector<RecordFault> record_faults(const ConfValues& values, const std::string& package);

} // namespace dkms
