// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/catch.h"
#include "tests/unit/queue_fixture.h"

using namespace dkms;
using namespace dkms::test;

namespace {

bool in_background(const Desk& desk, JobId job) { return desk.running.at(job).background; }

} // namespace

TEST_CASE("a step is started in the background when nobody waits for the job or for the one it was asked for in")
{
    Desk desk;
    const JobId awaited = desk.submit(autoinstall_plan("a"));
    const JobId unawaited = desk.submit(autoinstall_plan("b"), background);
    CHECK_FALSE(in_background(desk, awaited));
    CHECK(in_background(desk, unawaited));

    desk.end_step(awaited, missing({"m"}, "a"));
    desk.end_step(unawaited, missing({"m"}, "b"));
    const JobId part = desk.queue.children(awaited).front();
    const JobId unawaited_part = desk.queue.children(unawaited).front();
    CHECK_FALSE(in_background(desk, part));
    CHECK(in_background(desk, unawaited_part));

    const JobId from_inside = desk.submit(build_plan("n", "b"), root, unawaited_part);
    CHECK(in_background(desk, from_inside));
    desk.drain();
}

TEST_CASE("a background job is one that somebody waits for as soon as he joins it")
{
    Desk desk;
    const JobId job = desk.submit(install_plan("m", "a"), background);
    CHECK(in_background(desk, job));
    REQUIRE(desk.submit(install_plan("m", "a"), user) == job);
    desk.end_step(job);
    CHECK_FALSE(in_background(desk, job));
    SECTION("and no longer than that")
    {
        const JobId next = desk.submit(install_plan("n", "a"), background);
        REQUIRE(desk.submit(install_plan("n", "a"), user) == next);
        desk.queue.leave(next, user);
        desk.end_step(job);
        desk.end_step(next);
        CHECK(in_background(desk, next));
    }
    desk.drain();
}

TEST_CASE("a job of an earlier instance that is taken up again is in the background if nobody waits")
{
    Queue later({}, 5, "running");
    later.resume(3, install_plan("m", "a"), background, 1.0);
    const auto commands = later.next();
    const auto start = std::find_if(commands.begin(), commands.end(), [](const QueueCommand& command) {
        return std::holds_alternative<StartStep>(command);
    });
    REQUIRE(start != commands.end());
    CHECK(std::get<StartStep>(*start).background);
}
