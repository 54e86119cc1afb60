// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace dkms {

/// One line of a table: as many cells as the table has columns.
using TableRow = std::vector<std::string>;

/// The rows as lines, every column as wide as its widest cell, two blanks between columns and none at a line's end.
/// With `width` other than 0 the last column is cut so that a line takes no more columns than that, but never below
/// ten.
std::string table_text(const std::vector<TableRow>& rows, std::size_t width = 0);

} // namespace dkms
