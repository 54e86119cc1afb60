// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/kernel_symbols.h"

#include "lib/kernel/symvers.h"

#include <cstdio>

namespace dkms {
namespace {

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
    for_each_export(symvers, [&](std::string_view symbol, std::uint64_t crc, std::string_view) {
        if (is_symbol(symbol)) symbols.emplace(symbol, crc);
    });
    return symbols;
}

std::string symbol_dependency(const std::string& name, const std::string& symbol, std::uint64_t crc)
{
    char number[19];
    std::snprintf(number, sizeof number, "0x%08llx", static_cast<unsigned long long>(crc));
    return name + "(" + symbol + ") = " + number;
}

} // namespace dkms
