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

template <typename... Values>
std::string formatted(const char* format, Values... values)
{
    std::array<char, 64> buffer{};
    const int length = std::snprintf(buffer.data(), buffer.size(), format, values...);
    return std::string(buffer.data(), static_cast<std::size_t>(length));
}

} // namespace

std::string printable(std::string_view text)
{
    std::string result;
    result.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool second_of_control = byte >= 0x80 && byte < 0xA0 && i > 0 && text[i - 1] == '\xC2';
        if (byte == '\t' || byte == '\n')
            result += ' ';
        else if (second_of_control)
            result.back() = '?';
        else
            result += byte < 0x20 || byte == 0x7F ? '?' : text[i];
    }
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
