// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/plan/kernel_plan.h"

#include "lib/plan/target.h"

#include <set>

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
    bool has_builds = false;
    for (const ModuleStatus& module : facts.versions("")) {
        const KernelStatus* const status = status_for(module, kernel);
        has_builds |= is_built(status);
        if (is_built(status))
            whole.children.push_back(clearance(module.module, kernel, whole.request.options, whole.request.verb));
        else if (status != nullptr)
            has_notes = true;
    }
    if (!has_builds && !has_notes) return whole;
    Options options = whole.request.options;
    options.all = false; // of a pruning
    whole.at_end.push_back(final_tidying(kernel, options));
    whole.at_end.back().options.no_depmod |= !has_builds;
    return whole;
}

/// Where no kernel is at all, the directory may be one that has not been mounted.
void require_any_kernel(const PlanFacts& facts)
{
    if (!facts.installed_kernels(false).empty()) return;
    throw Error(ErrorCode::invalid_args, {{"reason", "there is no kernel in " + facts.places.install_tree.string() +
                                                         ", so it cannot be told which ones are gone"}});
}

/// What was built or noted for kernels that are gone. A release and architecture of which one module knows headers
/// elsewhere stays for all.
JobPlan pruning_plan(const Request& request, const PlanFacts& facts)
{
    require_any_kernel(facts);
    std::set<KernelId> gone;
    std::set<KernelId> known{facts.running};
    for (const ModuleStatus& module : facts.versions(""))
        for (const KernelStatus& one : module.kernels) {
            if (facts.kernel_exists(one.kernel) || facts.has_given_headers(module.module, one.kernel))
                known.insert(one.kernel);
            gone.insert(one.kernel);
        }
    JobPlan whole{request, {}, {}};
    for (const KernelId& kernel : gone)
        if (!known.contains(kernel)) whole = removal_plan(std::move(whole), kernel, facts);
    return whole;
}

} // namespace

bool concerns_kernel(Verb verb) { return shape_of(verb).kernels == KernelCount::one; }

JobPlan clearance(const ModuleId& module, const KernelId& kernel, const Options& options, Verb asked)
{
    Request request{Verb::unbuild, module, {kernel}, options};
    request.options.all = false;
    request.options.no_depmod = true;
    request.options.no_initramfs = true;
    Step uninstall{StepKind::uninstall, module, kernel, request.options};
    uninstall.part_of = asked;
    Step unbuild{StepKind::unbuild, module, kernel, request.options};
    return {std::move(request), {std::move(uninstall), std::move(unbuild)}, {}};
}

Step final_tidying(const KernelId& kernel, const Options& options) { return {StepKind::tidy, {}, kernel, options}; }

JobPlan plan_for_kernel(const Request& request, const PlanFacts& facts)
{
    if (request.verb == Verb::kernel_prerm && request.options.all) return pruning_plan(request, facts);
    const KernelId kernel = kernel_of(request, facts);
    JobPlan whole{request, {}, {}};
    whole.request.kernels = {kernel};
    if (request.verb == Verb::kernel_prerm) return removal_plan(std::move(whole), kernel, facts);
    // The running one may be that of the machine outside.
    const bool completes = request.verb == Verb::autoinstall || request.verb == Verb::match;
    if (completes && !request.kernels.empty()) require_kernel(kernel, true, facts);
    if (request.verb == Verb::autoinstall && facts.is_complete(kernel)) return whole;
    const StepKind kind = request.verb == Verb::kernel_preinst ? StepKind::survey_preinst : StepKind::survey;
    whole.steps.push_back({kind, {request.module.name, {}}, kernel, request.options});
    return whole;
}

} // namespace dkms
