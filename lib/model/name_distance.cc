// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/name_distance.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace dkms {
namespace {

bool same(char a, char b)
{
    return std::toupper(static_cast<unsigned char>(a)) == std::toupper(static_cast<unsigned char>(b));
}

} // namespace

std::size_t name_distance(std::string_view a, std::string_view b)
{
    // Rows of the table of distances between the beginnings of both: the one before the last, the last, this one.
    std::vector<std::size_t> older(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        older.swap(last);
        last.swap(row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same(a[i - 1], b[j - 1]) ? 0U : 1U)});
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = std::min(row[j], older[j - 2] + 1);
        }
    }
    return row[b.size()];
}

std::optional<std::string_view> nearest_name(std::string_view written, std::span<const std::string_view> names)
{
    std::optional<std::string_view> nearest;
    std::size_t least = 3;
    for (const std::string_view name : names) {
        const std::size_t distance = name_distance(written, name);
        if (distance >= least || 3 * distance >= name.size()) continue;
        least = distance;
        nearest = name;
    }
    return nearest;
}

} // namespace dkms
