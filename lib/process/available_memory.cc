// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/available_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t for_a_compiler = 512ULL * 1024 * 1024; // large C files of drivers, with debug information

/// The number that stands in a file; nothing for "max", or when there is no file.
std::optional<std::uint64_t> number_in(const fs::path& file)
{
    std::ifstream stream(file);
    std::uint64_t number = 0;
    return stream >> number ? std::optional(number) : std::nullopt;
}

/// The number behind a name at the beginning of a line; 0 if there is none.
std::uint64_t number_behind(std::string_view name, const fs::path& file)
{
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
        std::istringstream words(line);
        std::string first;
        std::uint64_t number = 0;
        if (words >> first >> number && first == name) return number;
    }
    return 0;
}

std::uint64_t left_by_system(const fs::path& proc)
{
    const std::uint64_t kibibytes = number_behind("MemAvailable:", proc / "meminfo");
    return kibibytes == 0 ? unlimited : kibibytes * 1024;
}

std::uint64_t left_by_cgroup(const fs::path& directory)
{
    const std::uint64_t limit = std::min(number_in(directory / "memory.max").value_or(unlimited),
                                         number_in(directory / "memory.high").value_or(unlimited));
    const auto current = number_in(directory / "memory.current");
    if (limit == unlimited || !current) return unlimited;
    const fs::path statistics = directory / "memory.stat";
    const std::uint64_t caches = number_behind("inactive_file", statistics) + number_behind("active_file", statistics);
    const std::uint64_t used = *current - std::min(*current, caches);
    return limit - std::min(limit, used);
}

/// Of the process, as cgroup version 2 shows it: "/system.slice/dkmsd.service". Empty where it has none.
fs::path own_cgroup(const fs::path& proc)
{
    std::ifstream stream(proc / "self" / "cgroup");
    for (std::string line; std::getline(stream, line);)
        if (line.rfind("0::/", 0) == 0) return line.substr(3);
    return {};
}

} // namespace

std::uint64_t available_memory(const fs::path& proc, const fs::path& cgroups)
{
    std::uint64_t left = left_by_system(proc);
    fs::path directory = cgroups;
    for (const fs::path& part : own_cgroup(proc).relative_path()) {
        left = std::min(left, left_by_cgroup(directory));
        directory /= part;
    }
    return std::min(left, left_by_cgroup(directory));
}

unsigned compilers_at_a_time(unsigned processors, std::uint64_t memory)
{
    const std::uint64_t fit = std::max<std::uint64_t>(1, memory / for_a_compiler);
    return static_cast<unsigned>(std::min<std::uint64_t>(std::max(processors, 1U), fit));
}

} // namespace dkms
