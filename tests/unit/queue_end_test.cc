// SPDX-License-Identifier: LGPL-2.1-or-later
// Guarantees of lib/queue/queue.h about who shares a job, how it is stopped and what is done at its end.
#include "tests/catch.h"
#include "tests/unit/queue_fixture.h"

using namespace dkms;
using namespace dkms::test;

TEST_CASE("an identical request that has not ended is joined, unless something accepted since needs the same module")
{
    Desk desk;
    const JobId job = desk.queue.submit(install_plan("m", "a"), root, 1).job;
    const auto again = [&](const Caller& caller = user) {
        return desk.queue.submit(install_plan("m", "a"), caller, 1);
    };
    SECTION("both submitters are kept, once each")
    {
        CHECK(again().job == job);
        CHECK(again().joined);
        CHECK(*desk.queue.submitters(job) == std::vector<Caller>{root, user});
        desk.turn();
        CHECK(again().joined);
        desk.drain();
        CHECK_FALSE(again().joined);
    }
    SECTION("other options are another request")
    {
        JobPlan forced = install_plan("m", "a");
        forced.request.options.force = true;
        CHECK_FALSE(desk.queue.submit(forced, user, 1).joined);
    }
    SECTION("something else for the module came after it")
    {
        desk.submit(remove_plan("n"));
        CHECK(again().joined);
        desk.submit(remove_plan("m"));
        const auto later = again();
        CHECK_FALSE(later.joined);
        CHECK(again().job == later.job);
    }
    SECTION("a job that is being stopped is of no use")
    {
        desk.turn();
        desk.queue.cancel(job);
        CHECK_FALSE(again().joined);
    }
    SECTION("who waits lifts the job he joins")
    {
        desk.turn();
        const JobId removal = desk.submit(about_nothing(remove_plan("n")));
        const JobId lifted = desk.submit(about_nothing(build_plan("n", "a")), background);
        const JobId other = desk.submit(about_nothing(build_plan("n", "b")), background);
        CHECK(desk.queue.submit(about_nothing(build_plan("n", "b")), root, 1).job == other);
        desk.end_step(removal);
        CHECK(desk.started.at(desk.started.size() - 2).job == other);
        CHECK(desk.started.back().job == lifted);
    }
    SECTION("a request from inside joins only what came from inside the same job")
    {
        desk.turn();
        const JobId inner = desk.submit(install_plan("m", "a"), root, job);
        CHECK(inner != job);
        CHECK(desk.queue.submit(install_plan("m", "a"), root, 1, job).job == inner);
        CHECK_FALSE(again().joined);
    }
}

TEST_CASE("a job stops when its last submitter has left, or by cancel")
{
    Desk desk;
    const JobId job = desk.submit(install_plan("m", "a"));
    const StepId first = desk.step_of(job);
    SECTION("the last submitter leaves")
    {
        desk.queue.submit(install_plan("m", "a"), user, 1);
        desk.queue.leave(job, {1000, ":1.77", true});
        desk.queue.leave(job, root);
        desk.queue.leave(job, root);
        desk.turn();
        CHECK(desk.stopped.empty());
        desk.queue.leave(job, user);
        desk.turn();
        CHECK(desk.was_stopped(first));
        desk.end_step(job, cancelled());
        CHECK(desk.result(job) == Result::cancelled);
    }
    SECTION("a running step is stopped once and waited for")
    {
        desk.queue.cancel(job);
        desk.queue.cancel(job);
        desk.turn();
        CHECK(desk.stopped == std::vector<StepId>{first});
        CHECK_FALSE(desk.has_ended(job));
        desk.end_step(job, cancelled());
        CHECK(desk.error(job) == ErrorCode::cancelled);
    }
    SECTION("a step that came to its end all the same is followed by none")
    {
        desk.queue.cancel(job);
        desk.end_step(job);
        CHECK(desk.running.empty());
        CHECK(desk.result(job) == Result::cancelled);
    }
    SECTION("a last step that came to its end all the same counts")
    {
        desk.end_step(job);
        desk.queue.cancel(job);
        desk.end_step(job);
        CHECK(desk.result(job) == Result::done);
    }
    SECTION("a queued job ends at once")
    {
        const JobId waiting = desk.submit(remove_plan("m"));
        desk.queue.cancel(waiting);
        desk.turn();
        CHECK(desk.result(waiting) == Result::cancelled);
        CHECK_FALSE(desk.queue.view(waiting)->cancelable);
    }
    SECTION("a job that waits between its steps ends at once")
    {
        const JobId other = desk.submit(install_plan("n", "a"));
        desk.end_step(other);
        desk.end_step(job);
        desk.queue.cancel(job);
        desk.turn();
        CHECK(desk.result(job) == Result::cancelled);
    }
    SECTION("an unknown job")
    {
        CHECK(code_thrown_by([&] { desk.queue.cancel(77); }) == ErrorCode::no_such_job);
    }
    desk.drain();
    CHECK(desk.queue.idle());
}

TEST_CASE("a step that must not be cut off comes to its end")
{
    Desk desk;
    const JobId job = desk.submit(install_plan("m", "a"));
    const StepId id = desk.step_of(job);
    desk.queue.set_cancelable(id, false);
    CHECK_FALSE(desk.queue.view(job)->cancelable);
    CHECK(code_thrown_by([&] { desk.queue.cancel(job); }) == ErrorCode::not_cancelable);
    desk.turn();
    CHECK(desk.stopped.empty());
    SECTION("unless by force")
    {
        desk.queue.cancel(job, true);
        desk.turn();
        CHECK(desk.was_stopped(id));
        desk.end_step(job, cancelled());
    }
    SECTION("then a job that everybody has left stops")
    {
        desk.queue.leave(job, root);
        desk.turn();
        CHECK(desk.stopped.empty());
        desk.end_step(job);
    }
    SECTION("and so it does when the step may be cut off again")
    {
        desk.queue.leave(job, root);
        desk.queue.set_cancelable(id, true);
        desk.turn();
        CHECK(desk.was_stopped(id));
        desk.end_step(job, cancelled());
    }
    CHECK(desk.result(job) == Result::cancelled);
}

TEST_CASE("cancel ends a job and its children")
{
    Desk desk;
    const JobId parent = desk.submit(install_on_each("m", {"a", "b", "c"}));
    SECTION("all of them")
    {
        const JobId inner = desk.submit(build_plan("n", "a"), root, 2);
        desk.end_step(4);
        desk.end_step(4);
        desk.queue.cancel(parent);
        desk.turn();
        CHECK(desk.stopped.size() == 3);
        for (const JobId job : {inner, JobId{2}, JobId{3}}) desk.end_step(job, cancelled());
        CHECK(desk.result(4) == Result::done);
        CHECK(desk.result(inner) == Result::cancelled);
    }
    SECTION("one child alone")
    {
        desk.queue.cancel(3);
        desk.turn();
        CHECK(desk.stopped.size() == 1);
        desk.end_step(3, cancelled());
        desk.drain();
        CHECK(desk.result(2) == Result::done);
    }
    SECTION("none, if one must not be cut off")
    {
        desk.queue.set_cancelable(desk.step_of(3), false);
        CHECK_FALSE(desk.queue.view(parent)->cancelable);
        CHECK(code_thrown_by([&] { desk.queue.cancel(parent); }) == ErrorCode::not_cancelable);
        desk.turn();
        CHECK(desk.stopped.empty());
        desk.queue.cancel(parent, true);
        for (const JobId job : {JobId{2}, JobId{3}, JobId{4}}) desk.end_step(job, cancelled());
    }
    SECTION("what is asked for from inside a step that is being stopped ends, too")
    {
        desk.queue.cancel(parent);
        const JobId late = desk.submit(build_plan("n", "a"), root, 2);
        CHECK(desk.result(late) == Result::cancelled);
        for (const JobId job : {JobId{2}, JobId{3}, JobId{4}}) desk.end_step(job, cancelled());
    }
    CHECK(desk.result(parent) == Result::cancelled);
    CHECK(desk.queue.idle());
}

TEST_CASE("close() cancels the children of a running job that have not begun")
{
    QueueLimits limits;
    limits.running_steps = 1;
    Desk desk(limits);
    const JobId parent = desk.submit(install_on_each("m", {"a", "b"}));
    desk.queue.close();
    desk.turn();
    CHECK(desk.result(3) == Result::cancelled);
    CHECK(desk.stopped.empty());
    desk.end_step(2);
    desk.end_step(2);
    CHECK(desk.result(2) == Result::done);
    CHECK(desk.result(parent) == Result::cancelled);
}

TEST_CASE("follow-up steps of one job run in the order of place_at_end, whoever asks first")
{
    Desk desk;
    const Step depmod = step(StepKind::depmod, "", "a");
    const Step image = step(StepKind::initramfs, "", "a");
    const Step command = step(StepKind::post_transaction, "", "a");
    const JobId job = desk.submit(install_plan("m", "a"));
    desk.end_step(job, with_follow_up(done(), {command, depmod}));
    desk.end_step(job, with_follow_up(done(), {image}));
    CHECK(desk.running.at(job).what == depmod);
    desk.end_step(job, with_follow_up(done(), {step(StepKind::tidy, "", "a")})); // what has run stays where it was
    CHECK(desk.running.at(job).what.kind == StepKind::tidy);
    desk.end_step(job);
    CHECK(desk.running.at(job).what == image);
    desk.end_step(job);
    CHECK(desk.running.at(job).what == command);
}

TEST_CASE("follow-up steps run once, at the end of the outermost job, also when a part of it failed or was cancelled")
{
    Desk desk;
    const Step image_a = step(StepKind::initramfs, "", "a");
    const Step image_b = step(StepKind::initramfs, "", "b");
    const JobId parent = desk.submit(install_on_each("m", {"a", "b"}));
    desk.end_step(2);
    const JobId inner = desk.submit(install_plan("n", "a"), root, 2);
    desk.end_step(inner);
    desk.end_step(inner, with_follow_up(done(), {image_a}));
    desk.end_step(2, with_follow_up(done(), {image_a}));
    CHECK(desk.has_ended(2));
    desk.end_step(3);
    SECTION("after a failure")
    {
        desk.end_step(3, with_follow_up(failed(ErrorCode::depmod_failed), {image_b}));
        CHECK(desk.running.at(parent).what == image_a);
        desk.end_step(parent, with_follow_up(done(), {image_b}));
        CHECK(desk.running.at(parent).what == image_b);
        desk.end_step(parent);
        CHECK(desk.error(parent) == ErrorCode::depmod_failed);
    }
    SECTION("a follow-up step that fails is a failure, and no obstacle to the others")
    {
        desk.end_step(3, with_follow_up(done(), {image_b}));
        desk.end_step(parent, failed(ErrorCode::disk_full));
        CHECK(desk.runs(parent, StepKind::initramfs));
        desk.end_step(parent);
        CHECK(desk.error(parent) == ErrorCode::disk_full);
    }
    SECTION("after a cancellation")
    {
        desk.queue.cancel(parent);
        desk.end_step(3, cancelled());
        REQUIRE(desk.runs(parent, StepKind::initramfs));
        CHECK_FALSE(desk.was_stopped(desk.step_of(parent)));
        desk.queue.leave(parent, root);
        desk.turn();
        CHECK_FALSE(desk.was_stopped(desk.step_of(parent)));
        desk.end_step(parent);
        CHECK(desk.result(parent) == Result::cancelled);
    }
    SECTION("a cancel while they run drops them")
    {
        desk.end_step(3, with_follow_up(done(), {image_b}));
        desk.queue.cancel(parent);
        desk.turn();
        CHECK(desk.was_stopped(desk.step_of(parent)));
        desk.end_step(parent, cancelled());
        CHECK(desk.result(parent) == Result::cancelled);
    }
    CHECK(desk.running.empty());
    CHECK(desk.queue.idle());
}

TEST_CASE("while it may not start anything, jobs are accepted and cancelled, and nothing runs")
{
    Desk desk;
    desk.queue.set_may_start(false);
    const JobId one = desk.submit(build_plan("a", "6.1"));
    const JobId two = desk.submit(build_plan("b", "6.1"));
    CHECK(desk.running.empty());
    desk.queue.cancel(one);
    desk.turn();
    CHECK(desk.result(one) == Result::cancelled);
    desk.queue.set_may_start(true);
    desk.turn();
    CHECK(desk.runs(two));
    CHECK_FALSE(desk.runs(one));
}

TEST_CASE("what ends without a step has ended when that was decided")
{
    Desk desk;
    desk.queue.set_may_start(false);
    const JobId cancelled = desk.submit(build_plan("a", "6.1"));
    const JobId refused = desk.queue.submit(build_plan("b", "6.1"), root, 1.0, 0, true).job;
    const JobId emptied = desk.queue.submit(install_on_each("c", {"6.1"}), root, 1.0, 0, true).job;
    desk.queue.resume(4711, build_plan("d", "6.1"), root, 0.5); // of an earlier day
    desk.queue.set_now(7.0);
    desk.queue.cancel(cancelled);
    desk.queue.set_now(8.0);
    desk.queue.set_may_start(true);
    desk.turn();
    desk.queue.refused(refused, Error(ErrorCode::no_such_module));
    desk.queue.planned(emptied, JobPlan{request(Verb::install, "c"), {}, {}});
    desk.turn();
    CHECK(desk.queue.view(cancelled)->ended_at == 7.0);
    CHECK(desk.queue.view(refused)->ended_at == 8.0);
    CHECK(desk.result(emptied) == Result::skipped);
    for (const JobId child : desk.queue.children(emptied)) CHECK(desk.queue.view(child)->ended_at == 8.0);
}

TEST_CASE("a job of an earlier instance keeps its number, and later ones have higher numbers")
{
    Desk desk;
    desk.queue = Queue(QueueLimits{}, 10);
    desk.queue.resume(4, install_on_each("a", {"6.1", "6.2"}), root, 1.0);
    const JobId later = desk.submit(build_plan("b", "6.1"));
    CHECK(desk.queue.children(4) == std::vector<JobId>{10, 11});
    CHECK(later == 12);
    desk.drain();
    CHECK(desk.result(4) == Result::done);
}
