// SPDX-License-Identifier: LGPL-2.1-or-later
// Whose turn it is when several users, kernels and modules want something at once.
#include "tests/catch.h"
#include "tests/unit/queue_fixture.h"

using namespace dkms;
using namespace dkms::test;

namespace {

QueueLimits one_step_at_a_time()
{
    QueueLimits limits;
    limits.running_steps = 1;
    return limits;
}

/// Jobs in the order in which their first steps were started.
std::vector<JobId> order_of_start(const Desk& desk)
{
    std::vector<JobId> order;
    for (const StartStep& start : desk.started)
        if (std::find(order.begin(), order.end(), start.job) == order.end()) order.push_back(start.job);
    return order;
}

} // namespace

TEST_CASE("jobs of several users run in the order in which they came, however many one of them has")
{
    Desk desk(one_step_at_a_time());
    const JobId first = desk.submit(build_plan("a", "a"), user);
    const JobId second = desk.submit(build_plan("b", "a"), user);
    const JobId other = desk.submit(build_plan("c", "a"), root);
    const JobId last = desk.submit(build_plan("d", "a"), user);
    desk.drain();
    CHECK(order_of_start(desk) == std::vector<JobId>{first, second, other, last});
}

TEST_CASE("the many modules of a kernel in the background let whoever waits go first")
{
    Desk desk(one_step_at_a_time());
    const JobId whole = desk.submit(autoinstall_plan("running"), background);
    desk.end_step(whole, missing({"m", "n", "o"}, "running"));
    const auto parts = desk.queue.children(whole);
    const JobId other_kernel = desk.submit(build_plan("p", "b"), user);
    CHECK(desk.runs(parts.at(0)));
    desk.end_step(parts.at(0)); // not even its own next step comes before
    CHECK(desk.runs(other_kernel));
    desk.end_step(other_kernel);
    CHECK(desk.runs(parts.at(0), StepKind::install));
    desk.drain();
    CHECK(desk.result(whole) == Result::done);
}

TEST_CASE("what is done for one kernel does not hold up another kernel")
{
    Desk desk;
    const JobId one = desk.submit(autoinstall_plan("a"));
    const JobId other = desk.submit(autoinstall_plan("b"));
    desk.end_step(one, missing({"m", "n"}, "a"));
    desk.end_step(other, missing({"m", "n"}, "b"));
    const auto of_one = desk.queue.children(one);
    const auto of_other = desk.queue.children(other);
    for (const JobId part : {of_one.at(0), of_one.at(1), of_other.at(0), of_other.at(1)}) desk.end_step(part);
    CHECK(desk.runs(of_one.at(0), StepKind::install));
    CHECK(desk.runs(of_other.at(0), StepKind::install));
    CHECK(desk.running.size() == 2); // of each kernel one
    desk.drain();
}

TEST_CASE("a module that is added while an autoinstall runs is found by the next one, which is not the same")
{
    Desk desk;
    const JobId first = desk.submit(autoinstall_plan("a"));
    desk.end_step(first, missing({"m"}, "a"));
    const JobId of_first = desk.queue.children(first).front();
    const JobId added = desk.submit({request(Verb::add, "n"), {step(StepKind::add, "n")}, {}});
    desk.end_step(added);

    const JobId second = desk.submit(autoinstall_plan("a"));
    REQUIRE(second != first);
    REQUIRE(desk.runs(second, StepKind::survey));
    desk.end_step(second, missing({"m", "n"}, "a"));
    const auto of_second = desk.queue.children(second);
    CHECK(desk.runs(of_second.at(1), StepKind::build)); // the new one need not wait
    CHECK_FALSE(desk.runs(of_second.at(0)));            // the other is being built
    desk.end_step(of_first);
    CHECK(desk.runs(of_first, StepKind::install));
    desk.end_step(of_second.at(1));
    CHECK_FALSE(desk.runs(of_second.at(1))); // one install into a kernel at a time
    desk.end_step(of_first);
    CHECK(desk.has_ended(first));
    desk.end_step(of_second.at(0), skipped()); // it finds that done
    desk.drain();
    CHECK(desk.result(of_second.at(1)) == Result::done);
    CHECK(desk.result(second) == Result::done);
}

TEST_CASE("an autoinstall that has not begun is joined, since it will see what was added before")
{
    Desk desk(one_step_at_a_time());
    const JobId first = desk.submit(autoinstall_plan("a"));
    const JobId second = desk.submit(autoinstall_plan("a"));
    REQUIRE(second != first);
    CHECK_FALSE(desk.runs(second));
    CHECK(desk.submit(autoinstall_plan("a"), user) == second);
    CHECK(desk.submit(autoinstall_plan("b")) != second);
    desk.drain();
}

TEST_CASE("a child that waits for another is not started when the whole is cancelled")
{
    Desk desk;
    JobPlan plan = install_on_each("m", {"a", "b", "c"});
    plan.children[1].after = {0};
    plan.children[2].after = {1};
    const JobId whole = desk.submit(plan);
    const auto parts = desk.queue.children(whole);
    desk.queue.cancel(whole);
    desk.turn();
    REQUIRE(desk.was_stopped(desk.step_of(parts[0])));
    desk.end_step(parts[0], cancelled());
    CHECK(desk.started.size() == 1);
    for (const JobId part : parts) CHECK(desk.result(part) == Result::cancelled);
    CHECK(desk.result(whole) == Result::cancelled);
}

TEST_CASE("what depends on a module that fails is tried, and so is what depends on that")
{
    Desk desk;
    const JobId whole = desk.submit(autoinstall_plan("a"));
    Outcome found = missing({"base", "user", "bystander", "last"}, "a");
    found.jobs[1].after = {0};
    found.jobs[3].after = {1, 2};
    desk.end_step(whole, found);
    const auto parts = desk.queue.children(whole);
    CHECK(desk.runs(parts[2]));
    CHECK_FALSE(desk.runs(parts[1]));
    desk.end_step(parts[0], failed());
    REQUIRE(desk.runs(parts[1]));
    CHECK_FALSE(desk.runs(parts[3]));
    desk.end_step(parts[1], failed(ErrorCode::missing_dependencies));
    CHECK_FALSE(desk.runs(parts[3])); // the bystander has not ended
    desk.end_step(parts[2]);
    desk.end_step(parts[2]);
    REQUIRE(desk.runs(parts[3]));
    desk.drain();
    CHECK(desk.result(parts[3]) == Result::done);
    CHECK(desk.queue.view(whole)->error->parameters().at("modules") == "base/1.0, user/1.0");
}

TEST_CASE("the limit of a user counts what he asked for and what has not ended, and is nobody else's")
{
    QueueLimits limits;
    limits.jobs_per_user = 2;
    Desk desk(limits);
    const auto refused = [&](const std::string& name, const Caller& caller, JobId inside = 0) {
        return code_thrown_by([&] { desk.submit(build_plan(name, "a"), caller, inside); }) ==
               ErrorCode::limits_exceeded;
    };
    const JobId whole = desk.submit(autoinstall_plan("a"), user);
    desk.end_step(whole, missing({"m", "n", "o"}, "a"));
    const JobId of_root = desk.submit(build_plan("r", "a"), root);
    REQUIRE(desk.submit(build_plan("r", "a"), user) == of_root);
    const JobId inside = desk.submit(build_plan("p", "a"), user, desk.queue.children(whole).front());
    CHECK(refused("q", user)); // parts and what was joined are not his, what was asked for from inside is
    CHECK(refused("q", {user.uid, ":1.77", true}));
    CHECK_FALSE(refused("s", root));
    CHECK(refused("t", root));
    desk.end_step(inside);
    CHECK_FALSE(refused("q", user));
    desk.queue.leave(of_root, root);
    CHECK(refused("t", root)); // the other one still waits for it
    desk.queue.leave(of_root, user);
    desk.turn();
    desk.end_step(of_root, cancelled());
    CHECK_FALSE(refused("t", root));
    desk.drain();
}

TEST_CASE("no more builds of a job run at a time than it may have, those of other jobs beside them")
{
    QueueLimits limits;
    limits.builds_of_a_job = 2;
    Desk desk(limits);
    const JobId whole = desk.submit(install_on_each("m", {"a", "b", "c", "d"}));
    const auto parts = desk.queue.children(whole);
    REQUIRE(parts.size() == 4);
    CHECK(desk.running.size() == 2);
    const JobId other = desk.submit(build_plan("n", "a"));
    CHECK(desk.runs(other));
    desk.end_step(parts[0]); // its installation is not a build
    CHECK(desk.runs(parts[0], StepKind::install));
    CHECK(desk.runs(parts[1], StepKind::build));
    CHECK(desk.runs(parts[2], StepKind::build));
    CHECK_FALSE(desk.runs(parts[3]));
    desk.end_step(parts[1], failed());
    CHECK(desk.runs(parts[3], StepKind::build));
    desk.drain();
    CHECK(desk.result(parts[3]) == Result::done);
    CHECK(desk.result(whole) == Result::failed);
}

TEST_CASE("a build that somebody in a step waits for is not counted")
{
    QueueLimits limits;
    limits.builds_of_a_job = 1;
    Desk desk(limits);
    const JobId outer = desk.submit(install_on_each("m", {"a", "b"}));
    const auto parts = desk.queue.children(outer);
    desk.end_step(parts[0]);
    CHECK(desk.runs(parts[0], StepKind::install));
    CHECK(desk.runs(parts[1], StepKind::build));
    const JobId inner = desk.submit(build_plan("n", "a"), root, parts[0]);
    CHECK(desk.runs(inner, StepKind::build));
    desk.drain();
    CHECK(desk.result(inner) == Result::done);
}
