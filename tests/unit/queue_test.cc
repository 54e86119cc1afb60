// SPDX-License-Identifier: LGPL-2.1-or-later
// Each guarantee of lib/queue/queue.h has a test of its name.
#include "tests/catch.h"
#include "tests/unit/queue_fixture.h"

#include <set>

using namespace dkms;
using namespace dkms::test;

TEST_CASE("a step is started at most once, a job ends exactly once")
{
    Desk desk;
    const JobId job = desk.submit(install_on_each("m", {"a", "b"}));
    desk.turn();
    desk.drain();
    desk.turn();
    std::set<StepId> steps;
    for (const StartStep& start : desk.started) CHECK(steps.insert(start.step).second);
    CHECK(steps.size() == 4);
    CHECK(desk.ended == std::vector<JobId>{2, 3, job});
    desk.queue.cancel(job);
    desk.queue.finished(1, failed(), 3.0);
    CHECK(desk.queue.next().empty());
    CHECK(desk.result(job) == Result::done);
    CHECK(desk.queue.idle());
}

TEST_CASE("the steps of a job run in order, and stop at the first that failed or was cancelled")
{
    Desk desk;
    const JobId job = desk.submit(install_plan("m", "a"));
    CHECK(desk.queue.view(job)->state == JobState::running);
    REQUIRE(desk.runs(job, StepKind::build));
    SECTION("in order")
    {
        desk.end_step(job);
        REQUIRE(desk.runs(job, StepKind::install));
        CHECK(desk.queue.view(job)->step == StepKind::install);
        desk.end_step(job);
        CHECK(desk.result(job) == Result::done);
        CHECK(desk.queue.view(job)->percent == 100);
        CHECK(desk.queue.view(job)->ended_at == 2.0);
    }
    SECTION("a failure")
    {
        desk.end_step(job, failed(ErrorCode::no_kernel_headers));
        CHECK(desk.result(job) == Result::failed);
        CHECK(desk.error(job) == ErrorCode::no_kernel_headers);
    }
    SECTION("a cancellation")
    {
        desk.end_step(job, cancelled());
        CHECK(desk.result(job) == Result::cancelled);
    }
    SECTION("a step that was skipped is no obstacle")
    {
        desk.end_step(job, skipped());
        desk.end_step(job);
        CHECK(desk.result(job) == Result::done);
    }
    SECTION("a job of which every step was skipped is skipped")
    {
        desk.end_step(job, skipped());
        desk.end_step(job, skipped());
        CHECK(desk.result(job) == Result::skipped);
        CHECK_FALSE(desk.queue.view(job)->error);
    }
    SECTION("an error is there even if the worker gave none")
    {
        desk.end_step(job, {Result::failed, std::nullopt, {}});
        CHECK(desk.error(job) == ErrorCode::internal);
    }
    CHECK(desk.running.empty());
    CHECK(desk.has_ended(job));
    CHECK(desk.queue.idle());
}

TEST_CASE("a skipped step whose error is BuildExcluded ends the job as skipped")
{
    Desk desk;
    const JobId job = desk.submit(install_plan("m", "a"));
    desk.end_step(job, excluded());
    CHECK(desk.result(job) == Result::skipped);
    CHECK(desk.error(job) == ErrorCode::build_excluded);
    CHECK(desk.running.empty());
}

TEST_CASE("a plan without steps ends as skipped")
{
    Desk desk;
    const JobId job = desk.submit({request(Verb::unbuild, "m"), {}, {}});
    CHECK(desk.has_ended(job));
    CHECK(desk.result(job) == Result::skipped);
}

TEST_CASE("a plan with both steps and children runs its steps first")
{
    Desk desk;
    JobPlan plan = install_on_each("m", {"a", "b"});
    plan.steps = {step(StepKind::add, "m")};
    const JobId parent = desk.submit(plan);
    REQUIRE(desk.queue.children(parent) == std::vector<JobId>{2, 3});
    REQUIRE(desk.runs(parent, StepKind::add));
    CHECK(desk.running.size() == 1);
    CHECK(desk.queue.view(2)->state == JobState::queued);
    SECTION("and then the children")
    {
        desk.end_step(parent);
        CHECK(desk.runs(2, StepKind::build));
        CHECK(desk.runs(3, StepKind::build));
        desk.drain();
        CHECK(desk.result(parent) == Result::done);
    }
    SECTION("and no child when a step failed")
    {
        desk.end_step(parent, failed(ErrorCode::conf_invalid));
        CHECK(desk.result(parent) == Result::failed);
        CHECK(desk.error(parent) == ErrorCode::conf_invalid);
        CHECK(desk.result(2) == Result::cancelled);
        CHECK(desk.result(3) == Result::cancelled);
        CHECK(desk.ended == std::vector<JobId>{2, 3, parent});
    }
}

TEST_CASE("a child that does not begin because a step of its parent failed is cancelled with the error of that step")
{
    Desk desk;
    JobPlan plan = install_on_each("m", {"a", "b"});
    plan.steps = {step(StepKind::add, "m")};
    const JobId parent = desk.submit(plan);
    SECTION("it failed")
    {
        desk.end_step(parent, failed(ErrorCode::conf_missing));
        for (const JobId child : {JobId{2}, JobId{3}}) {
            CHECK(desk.result(child) == Result::cancelled);
            CHECK(desk.error(child) == ErrorCode::conf_missing);
        }
    }
    SECTION("it was cancelled")
    {
        desk.end_step(parent, cancelled());
        for (const JobId child : {JobId{2}, JobId{3}}) CHECK(desk.error(child) == ErrorCode::cancelled);
    }
}

TEST_CASE("a parent ends after its children")
{
    Desk desk;
    const JobId parent = desk.submit(install_on_each("m", {"a", "b", "c"}));
    CHECK(desk.queue.view(parent)->state == JobState::running);
    CHECK(desk.queue.view(2)->parent == parent);
    struct Case {
        std::vector<Outcome> of_children;
        Result result;
        std::optional<ErrorCode> error;
    };
    const Case cases[] = {
        {{done(), done(), done()}, Result::done, {}},
        {{done(), failed(ErrorCode::patch_failed), failed(ErrorCode::disk_full)},
         Result::failed,
         ErrorCode::patch_failed},
        {{cancelled(), done(), failed(ErrorCode::disk_full)}, Result::failed, ErrorCode::disk_full},
        {{done(), cancelled(), excluded()}, Result::cancelled, ErrorCode::cancelled},
        {{skipped(), done(), excluded()}, Result::done, {}},
        {{excluded(), excluded(), excluded()}, Result::skipped, ErrorCode::build_excluded},
    };
    for (const Case& one : cases) {
        Desk each;
        const JobId job = each.submit(install_on_each("m", {"a", "b", "c"}));
        for (const JobId child : {JobId{4}, JobId{3}, JobId{2}}) {
            each.end_step(child, one.of_children.at(child - 2));
            CHECK(each.has_ended(job) == each.has_ended(2));
            if (each.runs(child)) each.end_step(child);
        }
        CHECK(each.ended.back() == job);
        CHECK(each.result(job) == one.result);
        CHECK(each.queue.view(job)->error.has_value() == one.error.has_value());
        if (one.error) CHECK(each.error(job) == *one.error);
    }
}

TEST_CASE("two running steps never need the same resource, except a child from inside a running job")
{
    Desk desk;
    SECTION("builds run side by side, installs into one kernel do not")
    {
        const JobId one = desk.submit(install_plan("m", "a"));
        const JobId other = desk.submit(install_plan("n", "a"));
        CHECK(desk.runs(one, StepKind::build));
        CHECK(desk.runs(other, StepKind::build));
        desk.end_step(other);
        CHECK(desk.runs(other, StepKind::install));
        desk.end_step(one);
        CHECK_FALSE(desk.runs(one));
        CHECK(desk.queue.view(one)->state == JobState::running);
        desk.end_step(other);
        CHECK(desk.runs(one, StepKind::install));
    }
    SECTION("nothing runs beside a removal of its module")
    {
        const JobId build = desk.submit(build_plan("m", "a"));
        const JobId removal = desk.submit(remove_plan("m"));
        const JobId later = desk.submit(build_plan("m", "b"));
        const JobId foreign = desk.submit(build_plan("n", "b"));
        CHECK_FALSE(desk.runs(removal));
        CHECK_FALSE(desk.runs(later));
        CHECK(desk.runs(foreign));
        desk.end_step(build);
        CHECK(desk.runs(removal));
        CHECK_FALSE(desk.runs(later));
        desk.end_step(removal);
        CHECK(desk.runs(later));
    }
    SECTION("without private builds those of one module are not at the same time")
    {
        QueueLimits limits;
        limits.private_builds = false;
        Desk plain(limits);
        const JobId job = plain.submit(install_on_each("m", {"a", "b"}));
        CHECK(plain.running.size() == 1);
        plain.drain();
        CHECK(plain.result(job) == Result::done);
    }
    SECTION("a child from inside shares its parent's")
    {
        const JobId outer = desk.submit(install_plan("m", "a"));
        desk.end_step(outer);
        const JobId inner = desk.submit(install_plan("n", "a"), root, outer);
        CHECK(desk.queue.view(inner)->parent == outer);
        CHECK(desk.runs(inner, StepKind::build));
        desk.end_step(inner);
        CHECK(desk.runs(inner, StepKind::install));
        const JobId foreign = desk.submit(install_plan("o", "a"));
        desk.end_step(foreign);
        desk.end_step(outer);
        CHECK_FALSE(desk.has_ended(outer));
        CHECK_FALSE(desk.runs(foreign));
        desk.end_step(inner, failed());
        CHECK(desk.runs(foreign, StepKind::install));
        CHECK(desk.result(inner) == Result::failed);
        CHECK(desk.result(outer) == Result::done);
    }
    SECTION("no job is the child of one that does not run")
    {
        const JobId outer = desk.submit(build_plan("m", "a"));
        desk.end_step(outer);
        const JobId late = desk.submit(build_plan("n", "a"), root, outer);
        CHECK(desk.queue.view(late)->parent == 0);
    }
}

TEST_CASE("for a resource it needs, a waiting step is overtaken only by one of higher priority")
{
    Desk desk;
    const JobId holder = desk.submit(about_nothing(remove_plan("m")));
    const JobId last = desk.submit(about_nothing(build_plan("m", "a")), background);
    const JobId sixth = desk.submit(about_nothing(remove_plan("m")), {1000, ":1.9", false});
    const JobId third = desk.submit(about_nothing(build_plan("m", "b")));
    const JobId fourth = desk.submit({request(Verb::generate_key, "m", "b2"), {step(StepKind::remove, "m")}, {}});
    const JobId fifth = desk.submit(about_nothing(build_plan("m", "c")));
    const JobId second = desk.submit(about_nothing(build_plan("m", "running")));
    // a background job that a person joins is awaited
    CHECK(desk.queue.waiting() == 6);
    desk.end_step(holder);
    CHECK(desk.runs(second));
    CHECK(desk.runs(third));
    CHECK(desk.running.size() == 2);
    desk.end_step(second);
    CHECK(desk.running.size() == 1);
    const JobId inner = desk.submit(about_nothing(build_plan("m", "d")), root, third);
    CHECK(desk.runs(inner));
    desk.end_step(inner);
    desk.end_step(third);
    CHECK(desk.runs(fourth));
    CHECK(desk.running.size() == 1);
    desk.end_step(fourth);
    CHECK(desk.runs(fifth));
    CHECK(desk.runs(last)); // shares the module with it, so nobody who waits loses anything
    CHECK_FALSE(desk.runs(sixth));
    desk.drain();
    CHECK(desk.queue.idle());
}

TEST_CASE("only so many steps run at a time, not counting those from inside others")
{
    QueueLimits limits;
    limits.running_steps = 2;
    Desk desk(limits);
    const JobId first = desk.submit(build_plan("m", "a"));
    desk.submit(build_plan("m", "b"));
    const JobId third = desk.submit(build_plan("m", "c"));
    CHECK(desk.queue.running() == 2);
    CHECK_FALSE(desk.runs(third));
    const JobId inner = desk.submit(build_plan("n", "a"), root, first);
    CHECK(desk.runs(inner));
    desk.end_step(inner);
    CHECK_FALSE(desk.runs(third));
    desk.end_step(first);
    CHECK(desk.runs(third));
}

TEST_CASE("jobs from inside running jobs that wait for each other in a circle do not wait for ever")
{
    Desk desk;
    const JobId one = desk.submit(install_plan("m", "a"));
    const JobId two = desk.submit(install_plan("n", "b"));
    const JobId bystander = desk.submit(install_plan("o", "c"));
    for (const JobId job : {one, two, bystander}) desk.end_step(job);
    const auto install_only = [](const std::string& name, const std::string& release) {
        return JobPlan{request(Verb::install, name, release), {step(StepKind::install, name, release)}, {}};
    };
    const JobId from_one = desk.submit(install_only("p", "b"), root, one);
    CHECK_FALSE(desk.runs(from_one));
    CHECK_FALSE(desk.has_ended(from_one));
    const JobId from_bystander = desk.submit(install_only("r", "a"), root, bystander);
    const JobId from_two = desk.submit(install_only("q", "a"), root, two);
    CHECK(desk.result(from_two) == Result::failed);
    CHECK(desk.error(from_two) == ErrorCode::interrupted);
    CHECK_FALSE(desk.has_ended(from_one));
    CHECK_FALSE(desk.has_ended(from_bystander));
    desk.end_step(two);
    CHECK(desk.runs(from_one));
    desk.drain();
    CHECK(desk.result(from_one) == Result::done);
    CHECK(desk.result(from_bystander) == Result::done);
    CHECK(desk.queue.idle());
}

TEST_CASE("what cannot be done fails without having been started, and nothing else does")
{
    Desk desk;
    const JobId bystander = desk.submit(install_plan("m", "a"));
    const JobId whole = desk.submit(install_on_each("m", {"a", "b"}));
    const JobId alone = desk.submit(remove_plan("m"));
    for (const JobId job : {whole, alone, bystander})
        desk.queue.fail(job, Error(ErrorCode::interrupted, {{"reason", "so it is"}}));
    desk.drain();
    CHECK(desk.result(bystander) == Result::done); // it was running
    for (const JobId job : {whole, alone}) {
        CHECK(desk.result(job) == Result::failed);
        CHECK(desk.error(job) == ErrorCode::interrupted);
    }
    CHECK(desk.queue.idle());
}

TEST_CASE("the percentage of a job never goes back")
{
    Desk desk;
    const JobId parent = desk.submit(install_on_each("m", {"a", "b"}));
    std::map<JobId, unsigned> seen;
    const auto look = [&](unsigned at_least, unsigned at_most) {
        for (const JobId job : desk.queue.jobs()) {
            const unsigned percent = desk.queue.view(job)->percent;
            CHECK(percent >= seen[job]);
            seen[job] = percent;
        }
        CHECK(seen[parent] >= at_least);
        CHECK(seen[parent] <= at_most);
    };
    look(0, 0);
    desk.queue.progress(desk.step_of(2), Stage::build, 50);
    CHECK(desk.queue.view(2)->stage == Stage::build);
    CHECK(desk.queue.view(parent)->stage == Stage::build);
    CHECK(desk.queue.next().size() == 2);
    look(20, 22);
    desk.queue.progress(desk.step_of(2), Stage::sign, 10);
    look(20, 22);
    desk.end_step(2);
    look(40, 45);
    desk.end_step(2, with_follow_up(done(), {step(StepKind::initramfs, "", "a")}));
    look(40, 50);
    desk.queue.progress(desk.step_of(3), Stage::build, 1000);
    look(70, 90);
    desk.end_step(3, failed());
    look(70, 99);
    CHECK(desk.queue.view(3)->percent < 100);
    desk.end_step(parent);
    CHECK(desk.result(parent) == Result::failed);
}

TEST_CASE("a full queue is an error of the request; after close(), ShuttingDown")
{
    QueueLimits limits;
    limits.jobs_per_user = 2;
    limits.jobs_in_total = 3;
    Desk desk(limits);
    const auto submit = [&](const std::string& release, const Caller& caller) {
        return code_thrown_by([&] { desk.submit(build_plan("m", release), caller); });
    };
    const JobId first = desk.submit(install_on_each("m", {"a", "b", "c"}), user);
    desk.submit(build_plan("m", "d"), user);
    CHECK(submit("e", user) == ErrorCode::limits_exceeded);
    CHECK(desk.queue.submit(build_plan("m", "d"), user, 1).joined);
    desk.submit(build_plan("m", "f"), root);
    CHECK(submit("g", root) == ErrorCode::limits_exceeded);
    while (!desk.has_ended(first)) desk.end_step(desk.running.begin()->first);
    desk.submit(build_plan("m", "e"), user);

    const JobId waiting = [&] {
        desk.drain();
        desk.submit(remove_plan("m"));
        return desk.submit(build_plan("m", "z"));
    }();
    desk.queue.close();
    desk.turn();
    CHECK(desk.result(waiting) == Result::cancelled);
    CHECK_FALSE(desk.queue.idle());
    CHECK(submit("y", root) == ErrorCode::shutting_down);
    desk.drain();
    CHECK(desk.queue.idle());
}

TEST_CASE("an ended job is known until it is forgotten, its children with it")
{
    Desk desk;
    const JobId parent = desk.submit(install_on_each("m", {"a", "b"}));
    const JobId other = desk.submit(build_plan("n", "a"));
    desk.queue.forget(parent);
    CHECK(desk.queue.view(parent));
    desk.drain();
    desk.queue.forget(2);
    CHECK(desk.queue.jobs() == std::vector<JobId>{parent, 2, 3, other});
    desk.queue.forget(parent);
    CHECK(desk.queue.jobs() == std::vector<JobId>{other});
    CHECK_FALSE(desk.queue.view(2));
    CHECK(desk.queue.submitters(2) == nullptr);
    CHECK(desk.queue.children(parent).empty());
    CHECK(desk.submit(install_on_each("m", {"a", "b"})) == other + 1);
}

TEST_CASE("jobs that a step has found to be needed become children of its job, if the step came to its end")
{
    Desk desk;
    const JobId whole =
        desk.submit({{Verb::autoinstall, {}, {kernel("a")}, {}}, {step(StepKind::survey, "", "a")}, {}});
    Outcome found = done();
    found.jobs = {install_plan("m", "a"), install_plan("n", "a")};
    desk.end_step(whole, found);
    const auto children = desk.queue.children(whole);
    REQUIRE(children.size() == 2);
    CHECK(desk.runs(children[0], StepKind::build));
    CHECK(desk.queue.view(children[1])->parent == whole);
    desk.end_step(children[0], failed());
    desk.drain();
    CHECK(desk.has_ended(whole));
    // What concerns a whole kernel fails with an error that names all that failed.
    CHECK(desk.error(whole) == ErrorCode::autoinstall_failed);

    const JobId other =
        desk.submit({{Verb::autoinstall, {}, {kernel("b")}, {}}, {step(StepKind::survey, "", "b")}, {}});
    Outcome gone = failed();
    gone.jobs = {install_plan("m", "b")};
    desk.end_step(other, gone);
    CHECK(desk.queue.children(other).empty());
    CHECK(desk.result(other) == Result::failed);
}

TEST_CASE("a kernel whose headers are missing says so, not that everything failed")
{
    Desk desk;
    const JobId whole =
        desk.submit({{Verb::autoinstall, {}, {kernel("a")}, {}}, {step(StepKind::survey, "", "a")}, {}});
    Outcome found = done();
    found.jobs = {install_plan("m", "a"), install_plan("n", "a")};
    desk.end_step(whole, found);
    for (const JobId child : desk.queue.children(whole)) desk.end_step(child, failed(ErrorCode::no_kernel_headers));
    CHECK(desk.error(whole) == ErrorCode::no_kernel_headers);
}

TEST_CASE("a child waits for the children that its plan puts before it, however they end")
{
    for (const bool good : {true, false}) {
        Desk desk;
        JobPlan plan = install_on_each("m", {"a", "b", "c"});
        plan.children[2].after = {0, 1};
        const JobId whole = desk.submit(plan);
        const auto children = desk.queue.children(whole);
        CHECK(desk.runs(children[0]));
        CHECK(desk.runs(children[1]));
        CHECK_FALSE(desk.runs(children[2]));
        desk.end_step(children[0], good ? done() : failed());
        if (good) desk.end_step(children[0]);
        CHECK_FALSE(desk.runs(children[2]));
        desk.end_step(children[1]);
        desk.end_step(children[1]);
        CHECK(desk.runs(children[2], StepKind::build));
        desk.drain();
        CHECK(desk.result(whole) == (good ? Result::done : Result::failed));
    }
}

TEST_CASE("an autoinstall that has begun is not joined")
{
    Desk desk;
    const JobPlan plan{{Verb::autoinstall, {}, {kernel("a")}, {}}, {step(StepKind::survey, "", "a")}, {}};
    const JobId first = desk.submit(plan);
    CHECK(desk.runs(first));
    CHECK(desk.submit(plan) != first);
}

TEST_CASE("steps that a plan puts at the end run there, also when a part failed")
{
    Desk desk;
    JobPlan plan{{Verb::kernel_prerm, {}, {kernel("a")}, {}}, {}, {remove_plan("m"), remove_plan("n")}};
    plan.at_end = {step(StepKind::depmod, "", "a")};
    const JobId whole = desk.submit(plan);
    for (const JobId child : desk.queue.children(whole)) desk.end_step(child, failed());
    CHECK(desk.runs(whole, StepKind::depmod));
    desk.end_step(whole);
    CHECK(desk.error(whole) == ErrorCode::kernel_cleanup_failed);
}
