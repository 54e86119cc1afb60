// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/kept_versions.h"

#include "lib/config/policy_conf.h"
#include "lib/tree/scan.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace dkms {
namespace {

constexpr std::size_t all_of_them = std::numeric_limits<std::size_t>::max();

/// How many versions stay built; the last line that says so counts.
std::size_t kept(const Work& work)
{
    std::size_t count = all_of_them;
    for (const PolicyLine& line : PolicyConf(work.places).lines_of("keep-versions", work.step.module.name)) {
        const std::string& value = line.values.front();
        std::size_t number = 0;
        const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
        if (value == "all" && line.values.size() == 1)
            count = all_of_them;
        else if (read.ec == std::errc() && read.ptr == value.data() + value.size() && number > 0 &&
                 line.values.size() == 1)
            count = number;
        else
            work.reporter.warning("policy", {},
                                  line.place + ": keep-versions takes a number from 1, or all, not '" + value +
                                      (line.values.size() == 1 ? "" : " …") + "'.");
    }
    return count;
}

bool is_build(const KernelStatus& status)
{
    return status.state == KernelState::built || status.state == KernelState::installed;
}

JobPlan deletion(const ModuleId& module, const KernelId& kernel)
{
    Step unbuild{StepKind::unbuild, module, kernel, {}};
    unbuild.part_of = Verb::install;
    return {{Verb::unbuild, module, {kernel}, {}}, {std::move(unbuild)}, {}};
}

} // namespace

std::vector<JobPlan> superfluous_builds(const Work& work, const std::string& previous)
{
    const std::size_t most = kept(work);
    if (most == all_of_them) return {};
    StatusFilter filter;
    filter.module = work.step.module.name;
    const KernelId& kernel = work.step.kernel;
    std::size_t built = 0;
    std::vector<std::string> older; // in the order of versions
    for (const ModuleStatus& one : scan(work.places, filter, ScanDepth::quick)) {
        const std::string& version = one.module.version;
        if (std::none_of(one.kernels.begin(), one.kernels.end(),
                         [&](const KernelStatus& status) { return status.kernel == kernel && is_build(status); }))
            continue;
        ++built;
        if (compare_versions(version, work.step.module.version) < 0 && version != previous) older.push_back(version);
    }
    std::vector<JobPlan> jobs;
    for (const std::string& version : older)
        if (built > most) {
            jobs.push_back(deletion({work.step.module.name, version}, kernel));
            --built;
        }
    return jobs;
}

} // namespace dkms
