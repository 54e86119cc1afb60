// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/line_pattern.h"

#include <array>
#include <stdexcept>

namespace dkms {

LinePattern::LinePattern(const std::string& expression)
{
    if (::regcomp(&compiled_, expression.c_str(), REG_EXTENDED) != 0) throw std::logic_error(expression);
}

bool LinePattern::fits(std::string_view line) const
{
    return ::regexec(&compiled_, std::string(line).c_str(), 0, nullptr, 0) == 0;
}

std::optional<std::string> LinePattern::group(std::string_view line, std::size_t number) const
{
    const std::string text(line);
    std::array<regmatch_t, 10> groups{};
    if (::regexec(&compiled_, text.c_str(), groups.size(), groups.data(), 0) != 0) return std::nullopt;
    const regmatch_t& wanted = groups.at(number);
    if (wanted.rm_so < 0) return std::string();
    return text.substr(static_cast<std::size_t>(wanted.rm_so), static_cast<std::size_t>(wanted.rm_eo - wanted.rm_so));
}

std::vector<std::string_view> lines_of(std::string_view text)
{
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

} // namespace dkms
