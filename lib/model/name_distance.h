// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace dkms {

/// How many characters have to be put in, left out, replaced or exchanged with their neighbour to make one name of the
/// other. Upper and lower case are the same.
std::size_t name_distance(std::string_view a, std::string_view b);

/// The one of `names` that was most likely meant: at most two mistakes, and fewer than a third of its letters.
std::optional<std::string_view> nearest_name(std::string_view written, std::span<const std::string_view> names);

} // namespace dkms
