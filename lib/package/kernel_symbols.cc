// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/kernel_symbols.h"

#include <charconv>
#include <cstdio>

namespace dkms {
namespace {

/// What is before the first tab; the rest stays in `line`.
std::string_view next_word(std::string_view& line)
{
    const auto tab = line.find('\t');
    const std::string_view word = line.substr(0, tab);
    line.remove_prefix(tab == std::string_view::npos ? line.size() : tab + 1);
    return word;
}

bool is_symbol(std::string_view text)
{
    return !text.empty() &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$") ==
               std::string_view::npos;
}

} // namespace

std::map<std::string, std::uint64_t> symbols_of(std::string_view symvers)
{
    std::map<std::string, std::uint64_t> symbols;
    while (!symvers.empty()) {
        const auto end = symvers.find('\n');
        std::string_view line = symvers.substr(0, end);
        symvers.remove_prefix(end == std::string_view::npos ? symvers.size() : end + 1);
        std::string_view crc_text = next_word(line);
        const std::string_view symbol = next_word(line);
        if (!crc_text.starts_with("0x") || !is_symbol(symbol)) continue;
        crc_text.remove_prefix(2);
        std::uint64_t crc = 0;
        const auto read = std::from_chars(crc_text.data(), crc_text.data() + crc_text.size(), crc, 16);
        if (read.ec == std::errc()) symbols.emplace(symbol, crc);
    }
    return symbols;
}

std::string symbol_dependency(const std::string& name, const std::string& symbol, std::uint64_t crc)
{
    char number[19];
    std::snprintf(number, sizeof number, "0x%08llx", static_cast<unsigned long long>(crc));
    return name + "(" + symbol + ") = " + number;
}

} // namespace dkms
