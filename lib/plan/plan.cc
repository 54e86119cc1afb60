// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/plan/plan.h"

#include "lib/plan/kernel_plan.h"
#include "lib/plan/rollback_plan.h"
#include "lib/plan/target.h"

namespace dkms {
namespace {

/// Makes the steps of one plan.
class Planner {
public:
    Planner(const Request& request, const Target& target) : request_(request), target_(target)
    {
        options_ = request.options;
        options_.all = false;
        options_.all_kernels = false;
    }

    JobPlan for_kernels(const std::vector<KernelId>& kernels) const
    {
        const bool all = request_.options.all;
        JobPlan plan{request_for(all ? std::vector<KernelId>{} : kernels), first_steps(), {}};
        if (kernels.size() == 1 && !all) {
            append(plan.steps, steps_for(kernels.front()));
        } else {
            for (const KernelId& kernel : kernels)
                plan.children.push_back({request_for({kernel}), steps_for(kernel), {}});
        }
        return plan;
    }

    /// Kernel by kernel and at last the version itself: one job.
    JobPlan removal(const std::vector<KernelId>& kernels) const
    {
        // With `all` the request is to mean the same when it is made again, whatever is built by then.
        JobPlan plan{request_for(request_.options.all ? std::vector<KernelId>{} : kernels), {}, {}};
        for (const KernelId& kernel : kernels) append(plan.steps, unbuild(kernel));
        plan.steps.push_back(step(StepKind::remove, {}, request_.options.force));
        plan.steps.back().options.all = request_.options.all; // then it is to say so if the version stays
        return plan;
    }

    /// One archive, whatever goes into it.
    JobPlan packing(const std::vector<KernelId>& kernels, const PlanFacts& facts) const
    {
        JobPlan plan{request_for(request_.options.all ? std::vector<KernelId>{} : kernels), {}, {}};
        Step pack = step(pack_step(options_.format), {}, request_.options.force);
        pack.handle = request_.handle;
        pack.kernels = kernels;
        if (builds_in(options_.format) == PackedBuilds::prepared) return with(plan, pack);
        for (const KernelId& kernel : pack.kernels)
            if (!is_built(target_, kernel))
                throw Error(ErrorCode::not_built, {{"module", target_.module.text()},
                                                   {"kernel", kernel.release},
                                                   {"arch", kernel.arch},
                                                   {"path", facts.places.dkms_tree.string()}});
        return with(plan, pack);
    }

private:
    static JobPlan with(JobPlan plan, const Step& step)
    {
        plan.steps.push_back(step);
        return plan;
    }

    static StepKind pack_step(PackFormat format)
    {
        switch (format) {
        case PackFormat::tarball:
            return StepKind::pack;
        case PackFormat::rpm:
        case PackFormat::kmp:
        case PackFormat::kmod:
            return StepKind::pack_rpm;
        case PackFormat::deb:
        case PackFormat::dsc:
        case PackFormat::bmdeb:
            return StepKind::pack_deb;
        case PackFormat::driver_disk:
            break;
        }
        return StepKind::pack_disk;
    }

    static void append(std::vector<Step>& steps, const std::vector<Step>& more)
    {
        steps.insert(steps.end(), more.begin(), more.end());
    }

    Request request_for(const std::vector<KernelId>& kernels) const
    {
        Request request{request_.verb, target_.module, kernels, options_};
        request.options.all = request_.options.all && kernels.empty();
        request.handle = request_.handle;
        return request;
    }

    Step step(StepKind kind, const KernelId& kernel, bool force) const
    {
        Step one{kind, target_.module, kernel, options_};
        one.options.force = force;
        const bool changes_what_is_installed = kind == StepKind::install || kind == StepKind::uninstall;
        if (changes_what_is_installed && name_of(request_.verb) != name_of(kind)) one.part_of = request_.verb;
        return one;
    }

    /// What comes before anything that is done for a kernel.
    std::vector<Step> first_steps() const
    {
        if (request_.verb != Verb::add && target_.status) return {};
        Step add = step(StepKind::add, {}, false);
        add.implied = request_.verb != Verb::add;
        return {add};
    }

    std::vector<Step> steps_for(const KernelId& kernel) const
    {
        const bool force = request_.options.force;
        switch (request_.verb) {
        case Verb::build:
            return {step(StepKind::build, kernel, force)};
        case Verb::install:
        case Verb::switch_version:
        case Verb::roll_back:
            return install(kernel);
        case Verb::uninstall:
            return {step(StepKind::uninstall, kernel, force)};
        case Verb::unbuild:
            return unbuild(kernel);
        case Verb::rebuild:
            return rebuild(kernel);
        default:
            return {};
        }
    }

    /// To force an installation is not to force a build that is there; but where none is, the checks before building
    /// are to be overridden as well.
    std::vector<Step> install(const KernelId& kernel) const
    {
        const bool force = request_.options.force;
        return {step(StepKind::build, kernel, force && !is_built(target_, kernel)),
                step(StepKind::install, kernel, force)};
    }

    std::vector<Step> unbuild(const KernelId& kernel) const
    {
        const bool force = request_.options.force;
        return {step(StepKind::uninstall, kernel, force), step(StepKind::unbuild, kernel, force)};
    }

    /// It is done again, but unless the request says so, no check is overridden: `refresh` tells the two apart.
    std::vector<Step> rebuild(const KernelId& kernel) const
    {
        std::vector<Step> steps{step(StepKind::build, kernel, true)};
        if (!is_installed(target_, kernel)) return steps;
        steps.push_back(step(StepKind::install, kernel, true));
        steps.back().options.refresh |= !request_.options.force;
        return steps;
    }

    const Request& request_;
    const Target& target_;
    Options options_;
};

/// Then no kernel is meant, not even the running one.
bool packs_no_build(const Request& request)
{
    if (request.verb != Verb::pack) return false;
    const Options& options = request.options;
    const PackedBuilds builds = builds_in(options.format);
    const bool named = !request.kernels.empty() || options.all || options.all_kernels;
    return builds == PackedBuilds::none || (builds == PackedBuilds::if_named && !named) ||
           (builds != PackedBuilds::prepared && options.source_only);
}

/// A request that is one step, for no module that is known yet.
JobPlan single_step(const Request& request)
{
    Step step;
    step.kind = request.verb == Verb::load    ? StepKind::load
                : request.verb == Verb::check ? StepKind::check
                                              : StepKind::generate_key;
    step.options = request.options;
    step.handle = request.handle;
    return {request, {std::move(step)}, {}};
}

} // namespace

JobPlan plan(const Request& request, const PlanFacts& facts)
{
    if (concerns_kernel(request.verb)) return plan_for_kernel(request, facts);
    if (request.verb == Verb::load || request.verb == Verb::generate_key || request.verb == Verb::check)
        return single_step(request);
    if (request.verb == Verb::roll_back)
        return rollback_plan(request, facts, [&](const Request& of_version, const KernelId& kernel) {
            const Target target = find_target(of_version, facts);
            find_kernels(of_version, target, facts); // whether it is there
            return Planner(of_version, target).for_kernels({kernel}).steps;
        });
    const Target target = find_target(request, facts);
    const auto kernels = packs_no_build(request) ? std::vector<KernelId>{} : find_kernels(request, target, facts);
    const Planner planner(request, target);
    if (request.verb == Verb::remove) {
        const std::string& transaction = request.options.transaction;
        const bool kept = !transaction.empty() && facts.added_in(target.module, transaction);
        return planner.removal(kept ? std::vector<KernelId>{} : kernels);
    }
    return request.verb == Verb::pack ? planner.packing(kernels, facts) : planner.for_kernels(kernels);
}

std::optional<JobPlan> plan_of_part(const Request& request, const PlanFacts& facts)
{
    if (request.module.version.empty() || facts.module(request.module)) return std::nullopt;
    return JobPlan{request, {}, {}};
}

} // namespace dkms
