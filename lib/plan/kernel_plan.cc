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
    whole.at_end.push_back(final_tidying(kernel, whole.request.options));
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

Step final_tidying(const KernelId& kernel, const Options& options) { return {StepKind::tidy, {}, kernel, options}; }

JobPlan plan_for_kernel(const Request& request, const PlanFacts& facts)
{
    const KernelId kernel = kernel_of(request, facts);
    JobPlan whole{request, {}, {}};
    whole.request.kernels = {kernel};
    if (request.verb == Verb::kernel_prerm) return removal_plan(std::move(whole), kernel, facts);
    if (request.verb == Verb::autoinstall && facts.is_complete(kernel)) return whole;
    const StepKind kind = request.verb == Verb::kernel_preinst ? StepKind::survey_preinst : StepKind::survey;
    whole.steps.push_back({kind, {request.module.name, {}}, kernel, request.options});
    return whole;
}

} // namespace dkms
