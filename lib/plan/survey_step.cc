// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/plan/survey_step.h"

#include "lib/config/conf.h"
#include "lib/plan/kernel_plan.h"
#include "lib/plan/target.h"
#include "lib/tree/layout.h"
#include "lib/tree/module_conf.h"
#include "lib/tree/scan.h"

#include <map>
#include <optional>
#include <set>

namespace dkms {
namespace {

bool is_installed(const ModuleStatus& module, const KernelId& kernel)
{
    const KernelStatus* const status = status_for(module, kernel);
    return status != nullptr &&
           (status->state == KernelState::installed || status->state == KernelState::installed_weak);
}

/// A module that wants to be installed.
struct Wanted {
    ModuleId module;
    std::vector<std::string> depends;
};

class SurveyStep : public Action {
public:
    explicit SurveyStep(Work& work) : work_(work) {}

    void prepare() override {}
    Outcome run() override;
    void undo() noexcept override {} // nothing is changed

private:
    void look_at(const ModuleStatus& newest);
    void defer_what_depends_on_strangers();
    std::string strangers_of(const Wanted& one) const;
    void put(const std::string& name);
    JobPlan job_for(const Wanted& one) const;

    Work& work_;
    std::set<std::string> known_;                 ///< every name of the tree
    std::vector<std::string> installed_;          ///< names
    std::map<std::string, Wanted> wanted_;        ///< by name
    std::set<std::string> deferred_;              ///< names
    std::map<std::string, std::size_t> position_; ///< of a name in jobs_
    std::set<std::string> visiting_;
    std::vector<JobPlan> jobs_;
};

Outcome SurveyStep::run()
{
    const auto switched_off = work_.places.config_dir / "no-autoinstall";
    if (std::error_code ignored; std::filesystem::exists(switched_off, ignored)) {
        work_.reporter.report(Event(EventKind::autoinstall_disabled, {{"path", switched_off.string()}}));
        return {Result::skipped, std::nullopt};
    }
    std::map<std::string, ModuleStatus> newest;
    for (ModuleStatus& one : scan(work_.places, {}, ScanDepth::quick)) // in the order of versions
        newest.insert_or_assign(one.module.name, std::move(one));
    for (const auto& [name, status] : newest) known_.insert(name);
    for (const auto& [name, status] : newest) look_at(status);
    defer_what_depends_on_strangers();
    work_.reporter.report(
        Event(EventKind::surveyed, {{"kernel", work_.step.kernel.release}, {"installed", installed_}}));
    for (const auto& [name, one] : wanted_) put(name);
    return {jobs_.empty() ? Result::skipped : Result::done, std::nullopt, {}, std::move(jobs_)};
}

void SurveyStep::look_at(const ModuleStatus& newest)
{
    const ModuleId& module = newest.module;
    work_.cancellation.check();
    if (is_installed(newest, work_.step.kernel)) return installed_.push_back(module.name);
    if (newest.broken) {
        const Error error(ErrorCode::broken_module,
                          {{"module", module.text()}, {"path", Layout(work_.places).source_link(module).string()}});
        return work_.reporter.warning(error.name(), error.parameters(), error.message());
    }
    try {
        const auto file = Layout(work_.places).source_link(module) / "dkms.conf";
        const Conf conf = read_conf(file, conf_context(work_, module), Strictness::lax);
        if (conf.autoinstall) wanted_.insert({module.name, {module, conf.build_depends}});
    } catch (const Error&) {
        wanted_.insert({module.name, {module, {}}}); // its job will say what is wrong
    }
}

/// Those among its dependencies that nobody here can bring.
std::string SurveyStep::strangers_of(const Wanted& one) const
{
    std::string names;
    for (const std::string& name : one.depends)
        if (known_.count(name) == 0 || deferred_.count(name) != 0) names += (names.empty() ? "" : " ") + name;
    return names;
}

void SurveyStep::defer_what_depends_on_strangers()
{
    for (bool again = true; std::exchange(again, false);)
        for (auto one = wanted_.begin(); one != wanted_.end();) {
            const std::string strangers = strangers_of(one->second);
            if (strangers.empty()) {
                ++one;
                continue;
            }
            work_.reporter.report(
                Event(EventKind::deferred, {{"module", one->second.module.text()}, {"dependencies", strangers}}));
            deferred_.insert(one->first);
            one = wanted_.erase(one);
            again = true; // others may depend on it
        }
}

/// Dependencies first. In a circle somebody has to be the first, and will fail for what it lacks.
void SurveyStep::put(const std::string& name)
{
    const auto one = wanted_.find(name);
    if (one == wanted_.end() || position_.count(name) != 0 || !visiting_.insert(name).second) return;
    for (const std::string& dependency : one->second.depends) put(dependency);
    JobPlan job = job_for(one->second);
    for (const std::string& dependency : one->second.depends)
        if (const auto before = position_.find(dependency); before != position_.end())
            job.after.push_back(before->second);
    position_[name] = jobs_.size();
    jobs_.push_back(std::move(job));
}

JobPlan SurveyStep::job_for(const Wanted& one) const
{
    const KernelId& kernel = work_.step.kernel;
    const Options& options = work_.step.options;
    return {{Verb::install, one.module, {kernel}, options},
            {{StepKind::build, one.module, kernel, options}, {StepKind::install, one.module, kernel, options}},
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
            const KernelStatus* const status = status_for(one, work_.step.kernel);
            const bool built =
                status != nullptr && (status->state == KernelState::built || status->state == KernelState::installed);
            const auto conf = built ? try_module_conf(work_, one.module) : std::nullopt;
            if (conf && conf->autoinstall)
                outcome.jobs.push_back(clearance(one.module, work_.step.kernel, work_.step.options));
        }
        if (outcome.jobs.empty())
            outcome.result = Result::skipped;
        else
            outcome.follow_up.push_back(final_depmod(work_.step.kernel, work_.step.options));
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
