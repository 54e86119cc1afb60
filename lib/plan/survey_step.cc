// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/plan/survey_step.h"

#include "lib/config/policy_conf.h"
#include "lib/plan/expected_duration.h"
#include "lib/plan/kernel_plan.h"
#include "lib/plan/needs.h"
#include "lib/plan/target.h"
#include "lib/tree/layout.h"
#include "lib/tree/module_conf.h"
#include "lib/tree/scan.h"

#include <algorithm>
#include <map>

namespace dkms {
namespace {

class SurveyStep : public Action {
public:
    explicit SurveyStep(Work& work) : work_(work), policy_(work.places) {}

    void prepare() override {}
    Outcome run() override;
    void undo() noexcept override {} // nothing is changed

private:
    void report(const KernelNeeds& needs) const;
    void report_faults(const KernelNeeds& needs) const;
    void report_one(const ModuleNeed& need) const;
    void report_broken(const ModuleId& module) const;
    std::vector<const ModuleNeed*> in_order_of_work(const KernelNeeds& needs) const;
    std::vector<JobPlan> jobs_for(const KernelNeeds& needs) const;
    JobPlan job_for(const ModuleNeed& need) const;

    Work& work_;
    PolicyConf policy_;
};

Outcome SurveyStep::run()
{
    NeedsSource source = thorough_source(work_.places);
    source.like = work_.step.options.template_kernel;
    source.only = work_.step.module.name;
    const auto read = source.conf;
    source.conf = [this, &read](const ModuleId& module, const KernelId& kernel) {
        work_.cancellation.check(); // bash may take its time
        return read(module, kernel);
    };
    const KernelNeeds needs = needs_of(work_.places, work_.step.kernel, source);
    if (!needs.switched_off.empty()) {
        work_.reporter.report(Event(EventKind::autoinstall_disabled, {{"path", needs.switched_off}}));
        return {Result::skipped, std::nullopt};
    }
    report(needs);
    Outcome outcome;
    outcome.jobs = jobs_for(needs);
    outcome.follow_up = needs.pending; // of a job that was cut off
    if (outcome.jobs.empty() && outcome.follow_up.empty()) outcome.result = Result::skipped;
    return outcome;
}

void SurveyStep::report(const KernelNeeds& needs) const
{
    report_faults(needs);
    for (const ModuleId& module : needs.broken_others) report_broken(module);
    std::vector<std::string> installed;
    for (const ModuleNeed& need : needs.modules) {
        if (need.kind == NeedKind::none && need.installed) installed.push_back(need.module.name);
        report_one(need);
    }
    std::sort(installed.begin(), installed.end());
    work_.reporter.report(
        Event(EventKind::surveyed, {{"kernel", needs.kernel.release}, {"installed", std::move(installed)}}));
}

void SurveyStep::report_faults(const KernelNeeds& needs) const
{
    for (const std::string& sentence : policy_.faults()) work_.reporter.warning("policy", {}, sentence);
    for (const auto& cycle : needs.cycles) {
        std::string names = cycle.front();
        for (std::size_t i = 1; i < cycle.size(); ++i) names += ", " + cycle[i];
        work_.reporter.warning("dependency-cycle", {{"modules", names}},
                               "BUILD_DEPENDS goes in a circle: " + names +
                                   (cycle.size() == 1 ? " depends on itself." : " depend on each other."));
    }
}

void SurveyStep::report_broken(const ModuleId& module) const
{
    const Error error(ErrorCode::broken_module,
                      {{"module", module.text()}, {"path", Layout(work_.places).source_link(module).string()}});
    work_.reporter.warning(error.name(), error.parameters(), error.message());
}

void SurveyStep::report_one(const ModuleNeed& need) const
{
    const std::string module = need.module.text();
    switch (need.kind) {
    case NeedKind::broken:
        return report_broken(need.module);
    case NeedKind::deferred:
        return work_.reporter.report(Event(EventKind::deferred, {{"module", module}, {"dependencies", need.reason}}));
    case NeedKind::rebuild:
        return work_.reporter.report(Event(EventKind::stale, {{"module", module},
                                                              {"kernel", work_.step.kernel.release},
                                                              {"what", need.changed_kind},
                                                              {"path", need.changed_path}}));
    default:
        return;
    }
}

/// What takes longest until all that waits for it has ended comes first: a long build that begins last would keep one
/// processor busy and the others idle. What is waited for takes longer than what waits, so it still comes before.
std::vector<const ModuleNeed*> SurveyStep::in_order_of_work(const KernelNeeds& needs) const
{
    struct Ranked {
        const ModuleNeed* need;
        double seconds;
    };
    std::vector<Ranked> all;
    std::map<std::string, double> longest_after; // until those have ended that wait for a name
    for (auto need = needs.modules.rbegin(); need != needs.modules.rend(); ++need) {
        if (!need->is_work()) continue;
        const double seconds = expected_duration(work_.places, need->module) + longest_after[need->module.name];
        for (const std::string& name : need->after) longest_after[name] = std::max(longest_after[name], seconds);
        all.push_back({&*need, seconds});
    }
    std::reverse(all.begin(), all.end());
    std::stable_sort(all.begin(), all.end(), [](const Ranked& a, const Ranked& b) { return a.seconds > b.seconds; });
    std::vector<const ModuleNeed*> order;
    for (const Ranked& one : all) order.push_back(one.need);
    return order;
}

std::vector<JobPlan> SurveyStep::jobs_for(const KernelNeeds& needs) const
{
    std::vector<JobPlan> jobs;
    std::map<std::string, std::size_t> position; // of a name in jobs
    for (const ModuleNeed* need : in_order_of_work(needs)) {
        JobPlan job = job_for(*need);
        for (const std::string& name : need->after) job.after.push_back(position.at(name));
        position[need->module.name] = jobs.size();
        jobs.push_back(std::move(job));
    }
    return jobs;
}

JobPlan SurveyStep::job_for(const ModuleNeed& need) const
{
    const KernelId& kernel = work_.step.kernel;
    Options options = work_.step.options;
    options.template_kernel.clear();
    options.batch = true;
    options.refresh = true;
    // A rebuild that fails leaves what is installed: the kernel lacks nothing.
    options.policy = need.installed ? Policy::optional : policy_.policy_for(need.module.name);
    Step install{StepKind::install, need.module, kernel, options};
    install.part_of = work_.step.options.template_kernel.empty() ? Verb::autoinstall : Verb::match;
    return {{Verb::install, need.module, {kernel}, options},
            {{StepKind::build, need.module, kernel, options}, std::move(install)},
            {}};
}

class PreinstSurveyStep : public Action {
public:
    explicit PreinstSurveyStep(Work& work) : work_(work) {}

    void prepare() override {}

    Outcome run() override
    {
        Outcome outcome;
        for (const ModuleStatus& one : scan(work_.places, {}, ScanDepth::quick)) {
            const bool built = is_built(status_for(one, work_.step.kernel));
            const auto conf = built ? try_module_conf(work_, one.module) : std::nullopt;
            if (conf && conf->autoinstall)
                outcome.jobs.push_back(
                    clearance(one.module, work_.step.kernel, work_.step.options, Verb::kernel_preinst));
        }
        if (outcome.jobs.empty())
            outcome.result = Result::skipped;
        else
            outcome.follow_up.push_back(final_tidying(work_.step.kernel, work_.step.options));
        return outcome;
    }

    void undo() noexcept override {} // nothing is changed

private:
    Work& work_;
};

} // namespace

std::unique_ptr<Action> make_survey_step(Work& work) { return std::make_unique<SurveyStep>(work); }
std::unique_ptr<Action> make_preinst_survey_step(Work& work) { return std::make_unique<PreinstSurveyStep>(work); }

} // namespace dkms
