// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/make_progress.h"

#include "lib/files/walk.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"

#include <algorithm>

namespace dkms {
namespace {

namespace fs = std::filesystem;
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

std::size_t c_files(const fs::path& directory)
{
    std::size_t count = 0;
    walk(directory, [&](const Found& found) { count += found.name.ends_with(".c") ? 1 : 0; });
    return count;
}

/// Lines such as "  CC [M]  /…/foo.o", which kbuild prints for each compiler it starts.
std::size_t compiler_lines(std::string_view output)
{
    constexpr std::string_view mark = "  CC ";
    std::size_t count = 0;
    for (auto at = output.find(mark); at != std::string_view::npos; at = output.find(mark, at + mark.size())) ++count;
    return count;
}

} // namespace

MakeProgress::MakeProgress(const Places& places, const ModuleId& module, const fs::path& directory)
    : expected_seconds_(last_duration(places, module)), files_(c_files(directory))
{
}

double MakeProgress::fraction() const
{
    if (expected_seconds_ > 0)
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count() / expected_seconds_;
    return files_ == 0 ? 0.0 : static_cast<double>(compiled_) / static_cast<double>(files_);
}

bool MakeProgress::heard(std::string_view output)
{
    compiled_ += compiler_lines(output);
    const double done = std::clamp(fraction(), 0.0, 1.0);
    const auto percent = before_make + static_cast<unsigned>(done * (after_make - before_make));
    if (percent <= percent_) return false;
    percent_ = percent;
    return true;
}

} // namespace dkms
