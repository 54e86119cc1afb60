// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/symvers.h"

#include <algorithm>
#include <charconv>
#include <limits>
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
    if (text_.size() > std::numeric_limits<std::uint32_t>::max()) text_.clear();
    const auto lines = static_cast<std::size_t>(std::count(text_.begin(), text_.end(), '\n')) + 1;
    std::size_t size = 16;
    while (size < 2 * lines) size *= 2;
    slots_.resize(size);
    for_each_export(text_, [this](std::string_view symbol, std::uint64_t, std::string_view exporter) {
        if (exporter.empty()) return;
        is_empty_ = false;
        lists_modules_ = lists_modules_ || exporter != "vmlinux";
        std::uint32_t& slot = slots_[slot_of(symbol)];
        if (slot == 0) slot = static_cast<std::uint32_t>(symbol.data() - text_.data());
    });
}

std::string_view Symvers::word_at(std::size_t place) const
{
    std::string_view rest = std::string_view(text_).substr(place);
    return next_word(rest);
}

std::size_t Symvers::slot_of(std::string_view symbol) const
{
    std::size_t slot = std::hash<std::string_view>()(symbol) & (slots_.size() - 1);
    while (slots_[slot] != 0 && word_at(slots_[slot]) != symbol) slot = (slot + 1) & (slots_.size() - 1);
    return slot;
}

std::optional<Symvers::Export> Symvers::find(std::string_view symbol) const
{
    const std::size_t place = slots_[slot_of(symbol)];
    if (place == 0) return std::nullopt;
    const std::size_t line = text_.rfind('\n', place) + 1; // 0 where there is none before
    std::optional<Export> found;
    for_each_export(std::string_view(text_).substr(line, text_.find('\n', place) - line),
                    [&](std::string_view, std::uint64_t crc, std::string_view exporter) {
                        found = Export{crc, exporter == "vmlinux"};
                    });
    return found;
}

} // namespace dkms
