// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf_values.h"

#include <string>
#include <vector>

namespace dkms {

/// What is wrong with a record.
struct RecordFault {
    std::string directive; ///< "DEST_MODULE_LOCATION"
    unsigned index = 0;
    std::string reason; ///< a sentence
};

struct ConfRecords {
    std::vector<ConfModule> records;
    std::vector<RecordFault> faults; ///< in the order of the records; beyond the first 20 no record is looked at
};

/// The records of a configuration: BUILT_MODULE_NAME[#], BUILT_MODULE_LOCATION[#], DEST_MODULE_NAME[#],
/// DEST_MODULE_LOCATION[#] and STRIP[#], one for each index up to the highest at which one of the first four is set.
/// `package` (PACKAGE_NAME) is the default name. Duplicates are faults only when strict.
ConfRecords conf_records(const ConfValues& values, const std::string& package, Strictness strictness);

} // namespace dkms
