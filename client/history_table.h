// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/history.h"

#include <cstddef>
#include <string>
#include <vector>

namespace dkms {

/// The entries as a table, one a line, in the order in which they are given; times in the local zone, users by their
/// names. Empty without entries. `width`: see table_text().
std::string history_table(const std::vector<HistoryEntry>& entries, std::size_t width);

} // namespace dkms
