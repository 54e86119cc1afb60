// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/plan/rollback_plan.h"

#include "lib/model/error.h"

#include <algorithm>

namespace dkms {
namespace {

[[noreturn]] void refuse(const ModuleId& module, const KernelId& kernel, const std::string& reason,
                         const std::string& remedy)
{
    throw Error(ErrorCode::no_earlier_version,
                {{"module", module.name}, {"kernel", kernel.release}, {"reason", reason}, {"remedy", remedy}});
}

std::string on(const KernelId& kernel) { return " -k " + kernel.text(); }

/// The version that was installed before the present one. An unknown module is told as one.
ModuleId version_before(const std::string& name, const KernelId& kernel, const PlanFacts& facts)
{
    const PlanFacts::Sequence sequence = facts.sequence(name, kernel);
    const std::string& present = sequence.present;
    const std::string& before = sequence.before;
    ModuleId module{name, before};
    if (before.empty() && present.empty() && facts.versions(name).empty())
        throw Error(ErrorCode::no_such_module, {{"module", name}, {"tree", facts.places.dkms_tree.string()}});
    if (present.empty())
        refuse(module, kernel, "no version of it is installed there",
               "Install a version with: dkmsctl install " + name + "/VERSION" + on(kernel));
    if (before.empty())
        refuse(module, kernel, "no other version than " + present + " is known to have been installed there",
               "Name a version to install instead: dkmsctl switch " + name + "/VERSION" + on(kernel));
    if (facts.module(module)) return module;
    refuse(module, kernel,
           "version " + before + ", which was installed before " + present + ", is not registered any more",
           facts.source_exists(module)
               ? "Its source is still there; register it with 'dkmsctl add " + module.text() + "', and try again."
               : "Register it again with 'dkmsctl import', or name another version: dkmsctl switch " + name +
                     "/VERSION" + on(kernel));
}

} // namespace

JobPlan rollback_plan(const Request& request, const PlanFacts& facts, const StepsOfVersion& steps)
{
    JobPlan whole{request, {}, {}};
    whole.request.kernels.clear();
    for (KernelId kernel : request.kernels.empty() ? std::vector{facts.running} : request.kernels) {
        if (kernel.arch.empty()) kernel.arch = facts.running.arch;
        if (std::find(whole.request.kernels.begin(), whole.request.kernels.end(), kernel) ==
            whole.request.kernels.end())
            whole.request.kernels.push_back(kernel);
    }
    for (const KernelId& kernel : whole.request.kernels) {
        const JobId by = facts.was_its_own ? facts.sequence(request.module.name, kernel).by : 0;
        if (by != 0 && facts.was_its_own(by)) continue;
        Request of_version = whole.request;
        of_version.kernels = {kernel};
        const Request of_kernel = of_version;
        of_version.module = version_before(request.module.name, kernel, facts);
        whole.children.push_back({of_kernel, steps(of_version, kernel), {}});
    }
    if (whole.children.size() != 1) return whole;
    whole.steps = std::move(whole.children.front().steps);
    whole.children.clear();
    return whole;
}

} // namespace dkms
