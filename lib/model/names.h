// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace dkms {

/// Names of an enum's values, in the order of their numbers: the one table from which both directions are read.
template <typename Enum, std::size_t N>
struct NameTable {
    std::array<std::string_view, N> names;

    std::string_view name(Enum value) const { return names.at(static_cast<std::size_t>(value)); }
    std::optional<Enum> value(std::string_view name) const
    {
        for (std::size_t i = 0; i < N; ++i)
            if (names[i] == name) return static_cast<Enum>(i);
        return std::nullopt;
    }
};

} // namespace dkms
