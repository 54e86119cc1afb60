// SPDX-License-Identifier: LGPL-2.1-or-later
// Jobs that are about the same, and plans that are made when they begin.
#include "tests/catch.h"
#include "tests/unit/queue_fixture.h"

#include "lib/queue/scope.h"

using namespace dkms;
using namespace dkms::test;

namespace {

JobPlan uninstall_plan(const std::string& name, const std::string& release)
{
    return {request(Verb::uninstall, name, release), {step(StepKind::uninstall, name, release)}, {}};
}

JobPlan remove_all(const std::string& name, const std::vector<std::string>& releases)
{
    JobPlan plan{request(Verb::remove, name), {}, {}};
    plan.request.options.all = true;
    for (const std::string& release : releases) plan.steps.push_back(step(StepKind::uninstall, name, release));
    plan.steps.push_back(step(StepKind::remove, name));
    return plan;
}

JobPlan prerm_plan(const std::string& release, const std::vector<std::string>& names)
{
    JobPlan plan{{Verb::kernel_prerm, {}, {kernel(release)}, {}}, {}, {}};
    for (const std::string& name : names) plan.children.push_back(uninstall_plan(name, release));
    if (!names.empty()) plan.at_end.push_back(step(StepKind::tidy, "", release));
    return plan;
}

/// A desk at which every plan is made once more, as the test says.
class PlanningDesk : public Desk {
public:
    std::map<JobId, JobPlan> final_plans; ///< a job without one keeps what it has
    std::map<JobId, Error> refusals;
    std::vector<JobId> asked;

    JobId ask(JobPlan plan, const Caller& caller = root, JobId inside = 0)
    {
        const JobId job = queue.submit(std::move(plan), caller, 1.0, inside, true).job;
        go();
        return job;
    }

    void go()
    {
        for (auto commands = queue.next(); !commands.empty(); commands = queue.next())
            for (const QueueCommand& command : commands) carry_out(command);
    }

    void end(JobId job, Outcome outcome = done())
    {
        const StepId id = step_of(job);
        running.erase(job);
        queue.finished(id, std::move(outcome), 2.0);
        go();
    }

    void end_all()
    {
        while (!running.empty()) end(running.begin()->first);
    }

private:
    void carry_out(const QueueCommand& command)
    {
        if (const auto* start = std::get_if<StartStep>(&command)) {
            running.emplace(start->job, *start);
            started.push_back(*start);
        } else if (const auto* plan = std::get_if<PlanJob>(&command)) {
            asked.push_back(plan->job);
            if (refusals.contains(plan->job)) return queue.refused(plan->job, refusals.at(plan->job));
            const auto final = final_plans.find(plan->job);
            queue.planned(plan->job, final == final_plans.end() ? std::nullopt : std::optional(final->second));
        } else if (const auto* end = std::get_if<JobEnded>(&command)) {
            ended.push_back(end->job);
        }
    }
};

} // namespace

TEST_CASE("a job begins when all those have ended that were accepted before it and are about the same")
{
    Desk desk;
    SECTION("nothing comes between the steps of a job, whoever waits for it")
    {
        const JobId install = desk.submit(install_plan("m", "a"), background);
        const JobId away = desk.submit(uninstall_plan("m", "a"));
        const JobId other = desk.submit(install_plan("m", "b"));
        CHECK(desk.runs(other));
        desk.end_step(install);
        CHECK(desk.runs(install, StepKind::install));
        CHECK_FALSE(desk.runs(away));
        desk.end_step(install);
        CHECK(desk.runs(away));
    }
    SECTION("nor goes before one that is queued")
    {
        const JobId first = desk.submit(install_plan("n", "a"));
        desk.end_step(first); // its install step has the kernel
        const JobId queued =
            desk.submit({request(Verb::install, "m", "a"), {step(StepKind::install, "m", "a")}, {}}, background);
        const JobId away = desk.submit(remove_all("m", {"a"}));
        CHECK(desk.running.size() == 1);
        const JobId between =
            desk.submit({request(Verb::install, "o", "a"), {step(StepKind::install, "o", "a")}, {}}, background);
        desk.end_step(first);
        // somebody waits for what waits for it
        CHECK(desk.runs(queued));
        CHECK_FALSE(std::find_if(desk.started.begin(), desk.started.end(), [&](const StartStep& one) {
                        return one.job == queued;
                    })->background);
        desk.end_step(queued);
        CHECK(desk.runs(away));
        CHECK_FALSE(desk.runs(between));
        desk.drain();
        CHECK(desk.queue.idle());
    }
    SECTION("a kernel is cleared when nothing for it is under way, and nothing begins meanwhile")
    {
        const JobId build = desk.submit(build_plan("m", "a"));
        const JobId clear = desk.submit(prerm_plan("a", {"n"}));
        const JobId late = desk.submit(build_plan("o", "a"));
        const JobId elsewhere = desk.submit(build_plan("o", "b"));
        CHECK(desk.runs(elsewhere));
        CHECK(desk.running.size() == 2);
        desk.end_step(build);
        CHECK(desk.runs(desk.queue.children(clear).front()));
        CHECK_FALSE(desk.runs(late));
        desk.end_step(desk.queue.children(clear).front());
        CHECK(desk.runs(clear, StepKind::tidy));
        CHECK_FALSE(desk.runs(late));
        desk.end_step(clear);
        CHECK(desk.runs(late));
    }
    SECTION("a survey waits for what is on its way out, and what it has found comes before what was asked for later")
    {
        const JobId away = desk.submit(uninstall_plan("m", "a"));
        const JobId survey = desk.submit(autoinstall_plan("a"));
        CHECK_FALSE(desk.runs(survey));
        desk.end_step(away);
        CHECK(desk.runs(survey));
        const JobId again = desk.submit(uninstall_plan("m", "a"));
        const JobId clear = desk.submit(prerm_plan("a", {"m"}));
        CHECK_FALSE(desk.runs(again));
        desk.end_step(survey, missing({"m", "n"}, "a"));
        const JobId found = desk.queue.children(survey).front();
        CHECK(desk.runs(found, StepKind::build));
        CHECK_FALSE(desk.runs(again));
        const JobId of_another = desk.submit(uninstall_plan("o", "b"));
        CHECK(desk.runs(of_another));
        desk.end_step(found);
        desk.end_step(found);
        CHECK(desk.runs(again)); // although the autoinstall still builds another module
        CHECK_FALSE(desk.runs(desk.queue.children(clear).front()));
        desk.drain();
        CHECK(desk.queue.idle());
        CHECK(desk.has_ended(clear));
    }
    SECTION("one version of a module after the other for a kernel, and no survey sees one that gives way")
    {
        JobPlan back{request(Verb::roll_back, "m", "a"), install_plan("m", "a").steps, {}};
        back.request.module.version.clear();
        JobPlan newer = install_plan("m", "a");
        newer.request.module.version = newer.steps[0].module.version = newer.steps[1].module.version = "2.0";
        const JobId first = desk.submit(newer);
        const JobId second = desk.submit(back);
        const JobId survey = desk.submit(autoinstall_plan("a"));
        const JobId third = desk.submit(newer);
        const JobId other = desk.submit(install_plan("m", "b"));
        CHECK(desk.runs(other));
        CHECK_FALSE(desk.runs(second));
        desk.end_step(first);
        desk.end_step(first);
        CHECK(desk.runs(second));
        CHECK_FALSE(desk.runs(survey));
        CHECK_FALSE(desk.runs(third));
        desk.end_step(second);
        desk.end_step(second);
        CHECK(desk.runs(survey));
        CHECK(desk.runs(third));
        CHECK_FALSE(conflict(scope_of(newer), scope_of(install_plan("m", "a"))));
    }
    SECTION("what is asked for from inside waits for nobody, and others wait for it")
    {
        const JobId outer = desk.submit(install_plan("m", "a"));
        const JobId waits = desk.submit(remove_all("m", {"a"}));
        const JobId inner = desk.submit(install_plan("n", "b"), root, outer);
        CHECK(desk.runs(inner));
        const JobId other = desk.submit(uninstall_plan("n", "b"));
        CHECK_FALSE(desk.runs(other));
        desk.end_step(outer);
        desk.end_step(inner);
        desk.end_step(inner);
        CHECK(desk.runs(other));
        CHECK(desk.runs(outer, StepKind::install));
        CHECK_FALSE(desk.runs(waits));
    }
    SECTION("a request is not joined to one that something else comes after")
    {
        desk.submit(install_plan("m", "a"));
        const JobId away = desk.submit(uninstall_plan("m", "a"));
        desk.submit(install_plan("n", "a"));
        CHECK(desk.queue.submit(uninstall_plan("m", "a"), user, 1).job == away);
        const JobId back = desk.submit(install_plan("m", "a"));
        CHECK(desk.queue.submit(uninstall_plan("m", "a"), user, 1).job > back);
    }
    SECTION("what was loaded replaces a source when no job on it is under way")
    {
        JobPlan load{{Verb::load, {}, {}, {}}, {step(StepKind::load, "")}, {}};
        load.request.handle = true;
        const JobId install = desk.submit(install_plan("m", "a"));
        const JobId loads = desk.submit(load);
        desk.end_step(loads, with_follow_up(done(), {step(StepKind::adopt, "m")}));
        desk.end_step(install);
        CHECK(desk.runs(install, StepKind::install));
        const JobId later = desk.submit(build_plan("m", "b"));
        CHECK_FALSE(desk.runs(later));
        desk.end_step(install);
        CHECK(desk.runs(loads, StepKind::adopt));
        desk.end_step(loads);
        CHECK(desk.runs(later));
    }
}

TEST_CASE("the plan of a job that is not final is made when it begins, before its first step starts")
{
    PlanningDesk desk;
    SECTION("what has come meanwhile is taken away as well")
    {
        const JobId build = desk.ask(build_plan("m", "a"));
        const JobId away = desk.ask(remove_all("m", {}));
        CHECK(desk.asked == std::vector<JobId>{build});
        desk.final_plans.emplace(away, remove_all("m", {"a"}));
        desk.end(build);
        CHECK(desk.asked == std::vector<JobId>{build, away});
        CHECK(desk.runs(away, StepKind::uninstall));
        const JobId late = desk.ask(build_plan("m", "a"));
        desk.end(away);
        CHECK(desk.runs(away, StepKind::remove));
        CHECK_FALSE(desk.runs(late));
        desk.refusals.emplace(late, Error(ErrorCode::no_such_module, {{"module", "m/1.0"}, {"tree", "/t"}}));
        desk.end(away);
        CHECK(desk.error(late) == ErrorCode::no_such_module);
        CHECK(desk.queue.idle());
    }
    SECTION("also where nothing was to be done at first")
    {
        const JobId build = desk.ask(build_plan("m", "a"));
        JobPlan nothing{request(Verb::uninstall, "m"), {}, {}};
        nothing.request.options.all = true;
        CHECK(desk.queue.has_conflict(nothing));
        const JobId away = desk.ask(nothing);
        const JobId useless = desk.ask({request(Verb::uninstall, "n", "z"), {}, {}});
        CHECK(desk.result(useless) == Result::skipped);
        CHECK_FALSE(desk.has_ended(away));
        nothing.children.push_back(uninstall_plan("m", "a"));
        desk.final_plans.emplace(away, nothing);
        desk.end(build);
        desk.end(desk.queue.children(away).at(0));
        CHECK(desk.result(away) == Result::done);
    }
    SECTION("children stay, come, or have nothing to do, and what is asked for at the end is what the final plan says")
    {
        const JobId build = desk.ask(build_plan("n", "a"));
        const JobId clear = desk.ask(prerm_plan("a", {"m", "o"}));
        const auto before = desk.queue.children(clear);
        desk.final_plans.emplace(clear, prerm_plan("a", {"n", "o"}));
        desk.end(build);
        const auto after = desk.queue.children(clear);
        REQUIRE(after.size() == 3);
        CHECK(after[0] == before[0]);
        CHECK(after[1] == before[1]);
        CHECK(desk.result(before[0]) == Result::skipped);
        CHECK(desk.runs(before[1])); // they own the kernel one after the other
        desk.end_all();
        CHECK(desk.result(after[2]) == Result::done);
        CHECK(desk.result(clear) == Result::done);
        CHECK(std::count_if(desk.started.begin(), desk.started.end(),
                            [](const StartStep& one) { return one.what.kind == StepKind::tidy; }) == 1);
        for (const JobId one : after) CHECK(std::count(desk.ended.begin(), desk.ended.end(), one) == 1);
    }
    SECTION("what a survey has found is planned as well, and may have become needless")
    {
        const JobId survey = desk.ask(autoinstall_plan("a"));
        const JobId away = desk.ask(remove_all("m", {}));
        CHECK(desk.runs(away));
        desk.end(survey, missing({"m", "n"}, "a"));
        const auto found = desk.queue.children(survey);
        CHECK_FALSE(desk.runs(found[0])); // it has begun
        CHECK(desk.runs(found[1]));
        desk.final_plans.emplace(found[0], JobPlan{request(Verb::install, "m", "a"), {}, {}});
        desk.end_all();
        CHECK(desk.result(found[0]) == Result::skipped);
        CHECK(desk.result(survey) == Result::done);
    }
    SECTION("one that is cancelled or cut off before that was not done")
    {
        const JobId build = desk.ask(build_plan("m", "a"));
        const JobId away = desk.ask(remove_all("m", {}));
        const JobId nothing = desk.ask({request(Verb::unbuild, "m", "a"), {}, {}});
        desk.queue.cancel(away);
        desk.go();
        CHECK(desk.result(away) == Result::cancelled);
        desk.queue.close();
        desk.go();
        CHECK(desk.result(nothing) == Result::cancelled);
        desk.end_all();
        CHECK(desk.result(build) == Result::done);
    }
}
