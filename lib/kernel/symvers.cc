// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/symvers.h"

#include <algorithm>
#include <charconv>
#include <utility>

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

} // namespace

void for_each_export(std::string_view symvers,
                     const std::function<void(std::string_view, std::uint64_t, std::string_view)>& visit)
{
    while (!symvers.empty()) {
        const auto end = symvers.find('\n');
        std::string_view line = symvers.substr(0, end);
        symvers.remove_prefix(end == std::string_view::npos ? symvers.size() : end + 1);
        const std::string_view crc = next_word(line);
        const std::string_view symbol = next_word(line);
        if (!crc.starts_with("0x") || symbol.empty()) continue;
        std::uint64_t number = 0;
        const auto read = std::from_chars(crc.data() + 2, crc.data() + crc.size(), number, 16);
        if (read.ec == std::errc()) visit(symbol, number, next_word(line));
    }
}

Symvers::Symvers(std::string text) : text_(std::move(text))
{
    exports_.reserve(static_cast<std::size_t>(std::count(text_.begin(), text_.end(), '\n')));
    for_each_export(text_, [this](std::string_view symbol, std::uint64_t crc, std::string_view exporter) {
        if (exporter.empty()) return;
        const Export one{crc, exporter == "vmlinux"};
        lists_modules_ = lists_modules_ || !one.of_kernel;
        exports_.emplace(symbol, one);
    });
}

const Symvers::Export* Symvers::find(std::string_view symbol) const
{
    const auto found = exports_.find(symbol);
    return found == exports_.end() ? nullptr : &found->second;
}

} // namespace dkms
