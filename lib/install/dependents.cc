// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/dependents.h"

#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/tree/layout.h"
#include "lib/tree/scan.h"

namespace dkms {
namespace {

/// The version of `dependency` that a build was made with; empty where none was noted.
std::string noted_version(const std::filesystem::path& build, const std::string& dependency)
{
    try {
        const std::string text = read_file(build / (".dep_" + dependency), 4096);
        return text.substr(0, text.find('\n'));
    } catch (const Error&) {
        return {};
    }
}

JobPlan rebuild(const ModuleId& module, const KernelId& kernel, bool installed, Options options)
{
    options.force = true;
    JobPlan plan{{Verb::rebuild, module, {kernel}, options}, {{StepKind::build, module, kernel, options}}, {}};
    if (installed) plan.steps.push_back({StepKind::install, module, kernel, options});
    return plan;
}

} // namespace

std::vector<JobPlan> stale_dependents(const Places& places, const ModuleId& dependency, const KernelId& kernel,
                                      const Options& options)
{
    const Layout layout(places);
    std::vector<JobPlan> jobs;
    StatusFilter filter;
    filter.arch = kernel.arch;
    for (const ModuleStatus& one : scan(places, filter, ScanDepth::quick))
        for (const KernelStatus& status : one.kernels) {
            if (status.kernel != kernel) continue;
            const std::string noted = noted_version(layout.kernel(one.module, kernel), dependency.name);
            if (noted.empty() || noted == dependency.version || one.broken) continue;
            jobs.push_back(rebuild(one.module, kernel, status.state == KernelState::installed, options));
        }
    return jobs;
}

} // namespace dkms
