// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/build_limits.h"

#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace dkms {
namespace {

constexpr std::uint64_t unlimited = BuildLimits::unlimited;

struct Unit {
    std::string_view name;
    std::uint64_t size;
    std::string_view text;
};
constexpr std::array durations{Unit{"d", 86400, "day"}, Unit{"h", 3600, "hour"}, Unit{"m", 60, "minute"},
                               Unit{"s", 1, "second"}};
constexpr std::array sizes{Unit{"T", std::uint64_t{1} << 40, "TiB"}, Unit{"G", std::uint64_t{1} << 30, "GiB"},
                           Unit{"M", std::uint64_t{1} << 20, "MiB"}, Unit{"K", std::uint64_t{1} << 10, "KiB"}};

enum class Kind { duration, size, count };

struct Setting {
    std::string_view name;
    std::uint64_t BuildLimits::*limit;
    Kind kind;
};
constexpr std::array settings{Setting{"time", &BuildLimits::time, Kind::duration},
                              Setting{"memory", &BuildLimits::memory, Kind::size},
                              Setting{"processes", &BuildLimits::processes, Kind::count},
                              Setting{"file-size", &BuildLimits::file_size, Kind::size},
                              Setting{"space", &BuildLimits::space, Kind::size},
                              Setting{"output", &BuildLimits::output, Kind::size}};

std::string_view syntax_of(Kind kind)
{
    switch (kind) {
    case Kind::duration:
        return "a time, such as 90m or 4h";
    case Kind::size:
        return "a size, such as 500M or 16G";
    default:
        return "a number";
    }
}

template <std::size_t N>
std::optional<std::uint64_t> unit_of(std::string_view name, const std::array<Unit, N>& units)
{
    for (const Unit& unit : units)
        if (unit.name == name) return unit.size;
    return std::nullopt;
}

/// What a value says; nothing when it says nothing, zero or more than there can be.
std::optional<std::uint64_t> parsed(std::string_view text, Kind kind)
{
    if (text == "unlimited") return unlimited;
    std::uint64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit(read.ptr, static_cast<std::size_t>(text.data() + text.size() - read.ptr));
    std::optional<std::uint64_t> factor = unit.empty() ? std::optional<std::uint64_t>(1) : std::nullopt;
    if (!factor && kind == Kind::duration) factor = unit_of(unit, durations);
    if (!factor && kind == Kind::size) factor = unit_of(unit, sizes);
    if (read.ec != std::errc() || !factor || number == 0 || number > (unlimited - 1) / *factor) return std::nullopt;
    return number * *factor;
}

/// The largest unit of which it is a whole number.
template <std::size_t N>
std::string in_whole_units(std::uint64_t value, const std::array<Unit, N>& units)
{
    for (const Unit& unit : units)
        if (value % unit.size == 0) return std::to_string(value / unit.size) + std::string(unit.name);
    return std::to_string(value);
}

} // namespace

BuildLimits build_limits(const PolicyConf& policy, const std::string& module, std::uint64_t machine_memory,
                         std::vector<std::string>& faults)
{
    BuildLimits limits;
    limits.memory = machine_memory / 4 * 3;
    for (const Setting& setting : settings)
        for (const PolicyLine& line : policy.lines_of(setting.name, module)) {
            const auto value = line.values.size() == 1 ? parsed(line.values.front(), setting.kind) : std::nullopt;
            if (value)
                limits.*setting.limit = *value;
            else
                faults.push_back(line.place + ": " + line.setting + " is followed by " +
                                 std::string(syntax_of(setting.kind)) + ", or by unlimited.");
        }
    return limits;
}

std::vector<std::string_view> limit_names()
{
    std::vector<std::string_view> names;
    for (const Setting& setting : settings) names.push_back(setting.name);
    return names;
}

std::string duration_text(std::uint64_t seconds)
{
    for (const Unit& unit : durations)
        if (seconds % unit.size == 0) {
            const std::uint64_t count = seconds / unit.size;
            return std::to_string(count) + " " + std::string(unit.text) + (count == 1 ? "" : "s");
        }
    return {};
}

std::string size_text(std::uint64_t bytes)
{
    for (const Unit& unit : sizes) {
        if (bytes < unit.size) continue;
        const std::uint64_t tenths = bytes / unit.size * 10 + bytes % unit.size * 10 / unit.size;
        const std::string rest = tenths % 10 == 0 || tenths >= 1000 ? "" : "." + std::to_string(tenths % 10);
        return std::to_string(tenths / 10) + rest + " " + std::string(unit.text);
    }
    return std::to_string(bytes) + " bytes";
}

std::string setting_value(std::string_view setting, std::uint64_t value)
{
    if (value == unlimited) return "unlimited";
    for (const Setting& one : settings) {
        if (one.name != setting) continue;
        if (one.kind == Kind::duration) return in_whole_units(value, durations);
        if (one.kind == Kind::size) return in_whole_units(value, sizes);
    }
    return std::to_string(value);
}

} // namespace dkms
