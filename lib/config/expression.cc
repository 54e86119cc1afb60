// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/expression.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <regex.h>

namespace dkms {
namespace {

/// regcomp(3) copies what is repeated, so {255} within {255} within {255} takes all memory there is. Expressions come
/// from strangers.
bool is_modest(std::string_view expression)
{
    constexpr std::size_t longest = 4096;
    constexpr unsigned long most_copies = 1000;
    unsigned long copies = 1;
    for (std::size_t i = 0; i < expression.size(); ++i) {
        if (expression[i] != '{' && expression[i] != ',') continue;
        unsigned number = 0;
        const char* const first = expression.data() + i + 1;
        const auto parsed = std::from_chars(first, expression.data() + expression.size(), number);
        if (parsed.ec == std::errc::result_out_of_range) return false;
        copies *= std::clamp(number, 1U, 100000U);
        if (copies > most_copies) return false;
    }
    return expression.size() <= longest;
}

} // namespace

std::optional<bool> expression_fits(const std::string& expression, const std::string& text)
{
    regex_t compiled;
    if (!is_modest(expression) || ::regcomp(&compiled, expression.c_str(), REG_EXTENDED | REG_NOSUB) != 0)
        return std::nullopt;
    const int result = ::regexec(&compiled, text.c_str(), 0, nullptr, 0);
    ::regfree(&compiled);
    return result == 0;
}

} // namespace dkms
