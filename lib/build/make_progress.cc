// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/make_progress.h"

#include "lib/tree/record.h"
#include "lib/tree/scan.h"

#include <algorithm>

namespace dkms {
namespace {

constexpr unsigned before_make = 10;
constexpr unsigned after_make = 88;

/// How long the last known build took: of this version if there is one, else of another.
double last_duration(const Places& places, const ModuleId& module)
{
    StatusFilter same_name;
    same_name.module = module.name;
    const Layout layout(places);
    double seconds = 0;
    for (const ModuleStatus& status : scan(places, same_name, ScanDepth::quick)) {
        for (const KernelStatus& one : status.kernels)
            if (const auto record = read_build_record(layout, status.module, one.kernel))
                seconds = record->build_seconds;
        if (status.module == module && seconds > 0) break;
    }
    return seconds;
}

/// "  CC [M]  /…/foo.o", "  AS      foo.o": kbuild prints such a line for each object.
bool names_object(std::string_view line)
{
    return line.starts_with("  CC ") || line.starts_with("  AS ") || line.starts_with("  CXX ");
}
constexpr std::size_t longest_head = 6;

} // namespace

MakeProgress::MakeProgress(const Places& places, const ModuleId& module)
    : expected_seconds_(last_duration(places, module)), percent_(expected_seconds_ > 0 ? before_make : 0)
{
}

void MakeProgress::begin() { start_ = std::chrono::steady_clock::now(); }

bool MakeProgress::count(std::string_view output)
{
    const std::size_t before = objects_;
    while (!output.empty()) {
        const auto end = output.find('\n');
        line_head_ += output.substr(0, std::min(end, longest_head - line_head_.size()));
        if (end == std::string_view::npos) break;
        objects_ += names_object(line_head_) ? 1 : 0;
        line_head_.clear();
        output.remove_prefix(end + 1);
    }
    return objects_ > before;
}

bool MakeProgress::heard(std::string_view output)
{
    const bool counted = count(output);
    if (expected_seconds_ <= 0) return counted;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    const double done = std::clamp(seconds / expected_seconds_, 0.0, 1.0);
    const auto percent = before_make + static_cast<unsigned>(done * (after_make - before_make));
    const bool has_grown = percent > percent_;
    percent_ = std::max(percent, percent_);
    return has_grown || counted;
}

} // namespace dkms
