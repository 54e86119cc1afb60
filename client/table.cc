// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/table.h"

#include "client/text.h"

#include <algorithm>

namespace dkms {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t narrowest_last_column = 10;

std::vector<std::size_t> widths_of(const std::vector<TableRow>& rows)
{
    std::vector<std::size_t> widths;
    for (const TableRow& row : rows) {
        widths.resize(std::max(widths.size(), row.size()), 0);
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
    }
    return widths;
}

std::size_t room_for_last(const std::vector<std::size_t>& widths, std::size_t width)
{
    std::size_t taken = 0;
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) taken += widths[i] + gap;
    return std::max(narrowest_last_column, width > taken ? width - taken : 0);
}

} // namespace

std::string table_text(const std::vector<TableRow>& rows, std::size_t width)
{
    const auto widths = widths_of(rows);
    const std::size_t room = room_for_last(widths, width);
    std::string text;
    for (const TableRow& row : rows) {
        std::string line;
        for (std::size_t i = 0; i + 1 < row.size(); ++i) line += padded(row[i], widths[i] + gap);
        if (!row.empty()) line += width != 0 ? elided(row.back(), room) : row.back();
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

} // namespace dkms
