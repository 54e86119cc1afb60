// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <regex.h>

namespace dkms {

/// An extended regular expression of ours, compiled once. For looking through lines that others wrote.
class LinePattern {
public:
    /// Throws std::logic_error for an invalid one.
    explicit LinePattern(const std::string& expression);
    LinePattern(const LinePattern&) = delete;
    LinePattern& operator=(const LinePattern&) = delete;
    ~LinePattern() { ::regfree(&compiled_); }

    /// Whether it fits anywhere in the line.
    bool fits(std::string_view line) const;
    /// What the group of that number (at most 9) holds in the first match; nothing without a match.
    std::optional<std::string> group(std::string_view line, std::size_t number) const;

private:
    regex_t compiled_{};
};

/// The lines of a text, without their ends.
std::vector<std::string_view> lines_of(std::string_view text);

} // namespace dkms
