// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/plan/kernel_plan.h"

#include "lib/plan/target.h"

namespace dkms {
namespace {

/// The kernel that is meant, with its architecture.
KernelId kernel_of(const Request& request, const PlanFacts& facts)
{
    if (!request.kernels.empty()) {
        KernelId kernel = request.kernels.front();
        if (kernel.arch.empty()) kernel.arch = facts.running.arch;
        return kernel;
    }
    return facts.running;
}

JobPlan match_plan(JobPlan whole, const KernelId& kernel, const PlanFacts& facts)
{
    const Request& request = whole.request;
    const KernelId example{request.options.template_kernel, kernel.arch};
    for (const ModuleStatus& module : facts.versions(request.module.name)) {
        const KernelStatus* const there = status_for(module, example);
        if (there == nullptr || there->state != KernelState::installed) continue;
        Request install{Verb::install, module.module, {kernel}, request.options};
        install.options.template_kernel.clear();
        Step build{StepKind::build, module.module, kernel, install.options};
        Step put{StepKind::install, module.module, kernel, install.options};
        whole.children.push_back({std::move(install), {std::move(build), std::move(put)}, {}});
    }
    return whole;
}

JobPlan removal_plan(JobPlan whole, const KernelId& kernel, const PlanFacts& facts)
{
    bool has_notes = false;
    for (const ModuleStatus& module : facts.versions("")) {
        const KernelStatus* const status = status_for(module, kernel);
        if (is_built(status))
            whole.children.push_back(clearance(module.module, kernel, whole.request.options));
        else if (status != nullptr)
            has_notes = true;
    }
    if (whole.children.empty() && !has_notes) return whole;
    whole.at_end.push_back(final_depmod(kernel, whole.request.options));
    whole.at_end.back().options.no_depmod |= whole.children.empty();
    return whole;
}

} // namespace

bool concerns_kernel(Verb verb) { return shape_of(verb).kernels == KernelCount::one; }

JobPlan clearance(const ModuleId& module, const KernelId& kernel, const Options& options)
{
    Request request{Verb::unbuild, module, {kernel}, options};
    request.options.no_depmod = true;
    request.options.no_initramfs = true;
    Step uninstall{StepKind::uninstall, module, kernel, request.options};
    Step unbuild{StepKind::unbuild, module, kernel, request.options};
    return {std::move(request), {std::move(uninstall), std::move(unbuild)}, {}};
}

Step final_depmod(const KernelId& kernel, const Options& options) { return {StepKind::depmod, {}, kernel, options}; }

JobPlan plan_for_kernel(const Request& request, const PlanFacts& facts)
{
    const KernelId kernel = kernel_of(request, facts);
    JobPlan whole{request, {}, {}};
    whole.request.kernels = {kernel};
    if (request.verb == Verb::match) return match_plan(std::move(whole), kernel, facts);
    if (request.verb == Verb::kernel_prerm) return removal_plan(std::move(whole), kernel, facts);
    const StepKind kind = request.verb == Verb::autoinstall ? StepKind::survey : StepKind::survey_preinst;
    whole.steps.push_back({kind, {}, kernel, request.options});
    return whole;
}

} // namespace dkms
