// SPDX-License-Identifier: LGPL-2.1-or-later
// What goes on while somebody else waits for the tree, and after it could not be changed.
#include "tests/catch.h"
#include "tests/unit/queue_fixture.h"

using namespace dkms;
using namespace dkms::test;

TEST_CASE("while another waits for the tree only what has begun goes on, and what is asked for from inside of it")
{
    Desk desk;
    const JobId begun = desk.submit(install_plan("m", "a"));
    desk.queue.set_starts(Queue::Starts::begun);
    const JobId later = desk.submit(build_plan("n", "a"));
    const JobId inside = desk.submit(build_plan("o", "a"), root, begun);
    CHECK(!desk.runs(later));
    CHECK(desk.runs(inside));
    desk.end_step(inside);
    desk.end_step(begun);
    CHECK(desk.runs(begun, StepKind::install));
    desk.end_step(begun);
    CHECK(desk.result(begun) == Result::done);
    CHECK(desk.running.empty());
    desk.queue.set_starts(Queue::Starts::all);
    desk.turn();
    CHECK(desk.runs(later));
    desk.drain();
}

TEST_CASE("a job that has not begun keeps from one that has nothing that it needs, while another waits for the tree")
{
    QueueLimits limits;
    limits.running_steps = 1;
    Desk desk(limits);
    const JobId begun = desk.submit(install_plan("m", "a"), background);
    const JobId awaited = desk.submit(about_nothing(install_plan("n", "a")));
    desk.queue.set_starts(Queue::Starts::begun);
    desk.end_step(begun);
    CHECK(desk.runs(begun, StepKind::install));
    CHECK(!desk.runs(awaited));
    desk.queue.set_starts(Queue::Starts::all);
    desk.drain();
    CHECK(desk.result(awaited) == Result::done);
}

TEST_CASE("what has not begun is planned once more after others had the tree, and what has is not")
{
    QueueLimits limits;
    limits.running_steps = 1;
    Queue queue(limits);
    const JobId first = queue.submit(install_plan("m", "a"), root, 1, 0, true).job;
    const JobId second = queue.submit(install_plan("n", "b"), root, 1, 0, true).job;
    const auto asked_for = [&] {
        std::vector<JobId> jobs;
        for (auto commands = queue.next(); !commands.empty(); commands = queue.next())
            for (const QueueCommand& command : commands)
                if (const auto* const plan = std::get_if<PlanJob>(&command)) {
                    jobs.push_back(plan->job);
                    queue.planned(plan->job, std::nullopt);
                }
        return jobs;
    };
    CHECK(asked_for() == std::vector<JobId>{first}); // and it has begun
    CHECK(queue.running() == 1);
    queue.finished(1, done(), 2);
    CHECK(asked_for().empty());
    queue.finished(2, done(), 2);
    queue.set_may_start(false);
    queue.tree_was_given_away();
    CHECK(asked_for().empty());
    queue.set_may_start(true);
    CHECK(asked_for() == std::vector<JobId>{second});
}

TEST_CASE("a step that was put back is started once more, as the same one of its job")
{
    Desk desk;
    const JobId job = desk.submit(install_plan("m", "a"));
    desk.end_step(job);
    desk.queue.set_starts(Queue::Starts::inside);
    CHECK(desk.queue.put_back(desk.step_of(job)));
    desk.running.clear();
    desk.turn();
    CHECK(desk.running.empty());
    CHECK(!desk.queue.idle());
    CHECK(desk.queue.view(job)->state == JobState::running);
    desk.queue.set_starts(Queue::Starts::all);
    desk.turn();
    CHECK(desk.runs(job, StepKind::install));
    desk.end_step(job);
    CHECK(desk.result(job) == Result::done);
}

TEST_CASE("a put back step takes along what it needs, and is not put back where something waits for its end")
{
    Desk desk;
    const JobId load = desk.submit({request(Verb::load, ""), {step(StepKind::load, "")}, {}});
    desk.end_step(load, with_follow_up(done(), {step(StepKind::adopt, "m")}));
    REQUIRE(desk.runs(load, StepKind::adopt));
    CHECK(desk.queue.put_back(desk.step_of(load)));
    desk.running.clear();
    desk.turn();
    CHECK(desk.runs(load, StepKind::load)); // what it had unpacked is not there any more
    desk.end_step(load, with_follow_up(done(), {step(StepKind::adopt, "m")}));
    const JobId inside = desk.submit(build_plan("o", "a"), root, load);
    CHECK(!desk.queue.put_back(desk.step_of(inside)));
    desk.end_step(inside);
    desk.queue.cancel(load, true);
    desk.turn();
    CHECK(!desk.queue.put_back(desk.step_of(load)));
    desk.end_step(load, cancelled());
    CHECK(desk.result(load) == Result::cancelled);
}
