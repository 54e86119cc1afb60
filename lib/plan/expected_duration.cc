// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/plan/expected_duration.h"

#include "lib/files/walk.h"
#include "lib/model/error.h"
#include "lib/tree/layout.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"

#include <optional>

namespace dkms {
namespace {

namespace fs = std::filesystem;

// Rough guesses, of which only the order matters: what a build needs whatever its size, and how fast it compiles.
constexpr double overhead = 2;
constexpr double bytes_a_second = 30'000;
constexpr int most_entries = 20'000; // a source tree that is none must not keep everybody waiting

/// For an estimate one that cannot be read is as good as none.
std::optional<BuildRecord> record_if_readable(const Layout& layout, const ModuleId& module, const KernelId& kernel)
{
    try {
        return read_build_record(layout, module, kernel);
    } catch (const Error&) {
        return std::nullopt;
    }
}

/// Seconds of the newest build whose record says them.
std::optional<double> last_duration(const Places& places, const std::string& name)
{
    const Layout layout(places);
    std::optional<double> seconds;
    fs::file_time_type newest = fs::file_time_type::min();
    for (const ModuleStatus& version : scan(places, {name, "", "", ""}, ScanDepth::quick))
        for (const KernelStatus& one : version.kernels) {
            std::error_code missing;
            const auto time = fs::last_write_time(layout.build_record(version.module, one.kernel), missing);
            if (missing || time < newest) continue;
            const auto record = record_if_readable(layout, version.module, one.kernel);
            if (!record || record->build_seconds <= 0) continue;
            newest = time;
            seconds = record->build_seconds;
        }
    return seconds;
}

double bytes_of_c(const fs::path& source)
{
    std::uintmax_t bytes = 0;
    int entries = 0;
    try {
        walk(source, [&](const Found& found) {
            if (++entries >= most_entries) throw EnoughSeen();
            if (S_ISREG(found.facts.st_mode) && found.name.ends_with(".c"))
                bytes += static_cast<std::uintmax_t>(found.facts.st_size);
        });
    } catch (const Error&) {
        // it is a guess: the build itself will say what cannot be read
    }
    return static_cast<double>(bytes);
}

} // namespace

double expected_duration(const Places& places, const ModuleId& module)
{
    if (const auto seconds = last_duration(places, module.name)) return *seconds;
    return overhead + bytes_of_c(Layout(places).source(module) / "") / bytes_a_second;
}

} // namespace dkms
