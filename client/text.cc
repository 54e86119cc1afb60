// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace dkms {
namespace {

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

/// How many bytes of `text` make up its first `columns` characters.
std::size_t bytes_of(std::string_view text, std::size_t columns)
{
    std::size_t bytes = 0;
    while (bytes < text.size()) {
        if (!continues(text[bytes]) && columns-- == 0) break;
        ++bytes;
    }
    return bytes;
}

/// Bytes of the character that the text begins with; 1 where it is not UTF-8.
std::size_t character_size(std::string_view text)
{
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 1;
    if (first > 0xF4 || size > text.size()) return 1;
    const std::string_view rest = text.substr(1, size - 1);
    return std::all_of(rest.begin(), rest.end(), continues) ? size : 1;
}

/// Whether a terminal would do something else with it than show it.
bool is_obeyed(std::string_view character)
{
    const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(character[index]); };
    if (character.size() == 1)
        return (byte(0) < 0x20 && character != "\n" && character != "\t") || byte(0) == 0x7F ||
               (byte(0) >= 0x80 && byte(0) < 0xA0);
    if (character.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
    const bool embeds = character >= "\u202A" && character <= "\u202E";
    const bool isolates = character >= "\u2066" && character <= "\u2069";
    return character.size() == 3 && (embeds || isolates);
}

template <typename... Values>
std::string formatted(const char* format, Values... values)
{
    std::array<char, 64> buffer{};
    const int length = std::snprintf(buffer.data(), buffer.size(), format, values...);
    return std::string(buffer.data(), static_cast<std::size_t>(length));
}

} // namespace

std::string harmless(std::string_view text)
{
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const std::size_t size = character_size(text);
        const std::string_view character = text.substr(0, size);
        const bool returns = character == "\r";
        if (returns && text.substr(1, 1) != "\n")
            result += '\n';
        else if (!returns)
            result += is_obeyed(character) ? std::string_view("?") : character;
        text.remove_prefix(size);
    }
    return result;
}

std::string printable(std::string_view text)
{
    std::string result = harmless(text);
    std::replace_if(
        result.begin(), result.end(), [](char byte) { return byte == '\n' || byte == '\t'; }, ' ');
    return result;
}

std::size_t columns_of(std::string_view text)
{
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char byte) { return !continues(byte); }));
}

std::string elided(std::string_view text, std::size_t columns)
{
    if (columns_of(text) <= columns) return std::string(text);
    if (columns == 0) return {};
    return std::string(text.substr(0, bytes_of(text, columns - 1))) + "…";
}

std::string padded(std::string_view text, std::size_t columns)
{
    const std::size_t taken = columns_of(text);
    return std::string(text) + std::string(taken < columns ? columns - taken : 0, ' ');
}

std::string seconds_text(double seconds)
{
    seconds = std::max(seconds, 0.0);
    if (seconds < 59.95) return formatted("%.1f s", seconds);
    const long whole = std::lround(seconds);
    return formatted("%ld min %02ld s", whole / 60, whole % 60);
}

std::string elapsed_text(double seconds)
{
    const auto whole = static_cast<long>(std::max(seconds, 0.0));
    if (whole < 3600) return formatted("%ld:%02ld", whole / 60, whole % 60);
    return formatted("%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string size_text(std::uint64_t bytes)
{
    if (bytes < 1024) return count_text(bytes, "byte");
    constexpr std::array units{"KiB", "MiB", "GiB"};
    double size = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    for (; size >= 1024 && unit + 1 < units.size(); ++unit) size /= 1024;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f %s", size, units.at(unit));
    return text.data();
}

std::string count_text(std::size_t count, std::string_view thing)
{
    return std::to_string(count) + " " + std::string(thing) + (count == 1 ? "" : "s");
}

std::string kernel_text(const KernelId& kernel)
{
    return kernel.arch == running_architecture() ? kernel.release : kernel.text();
}

} // namespace dkms
