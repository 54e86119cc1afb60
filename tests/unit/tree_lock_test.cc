// SPDX-License-Identifier: LGPL-2.1-or-later
// Who waits for the lock of a tree gets it, whoever else wants it.
#include "lib/process/descriptor.h"
#include "lib/tree/lock.h"
#include "tests/catch.h"
#include "tests/unit/scratch.h"

#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace dkms;

namespace {

Layout layout_in(const Scratch& scratch)
{
    Places places;
    places.dkms_tree = scratch.path() / "tree";
    return Layout(places);
}

void wait_and_take(TreeLock& lock)
{
    while (!lock.try_take())
        for (int waiter = lock.wait(); waiter >= 0; waiter = lock.wait()) {
            pollfd source{waiter, POLLIN, 0};
            ::poll(&source, 1, -1);
        }
}

char heard(const Pipe& pipe)
{
    char byte = 0;
    return ::read(pipe.read.number(), &byte, 1) == 1 ? byte : '\0';
}

} // namespace

TEST_CASE("who gives the lock of a tree back gets it again after the one who waited")
{
    const Scratch scratch;
    TreeLock ours(layout_in(scratch), "service");
    REQUIRE(ours.try_take());
    CHECK(!ours.is_wanted());
    const Pipe said = make_pipe();
    const Pipe told = make_pipe();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ours.release(); // what it has inherited
        TreeLock theirs(layout_in(scratch), "stdio");
        const bool begins_to_wait = !theirs.try_take() && theirs.wait() >= 0;
        write_all(said.write.number(), begins_to_wait ? "w" : "?");
        wait_and_take(theirs);
        write_all(said.write.number(), "h");
        heard(told);
        theirs.release();
        ::_exit(0);
    }
    CHECK(heard(said) == 'w');
    CHECK(ours.is_wanted());
    CHECK(is_turn_taken(ours.open_turn().number()));
    ours.release();
    CHECK(!ours.try_take()); // also before the other has noticed
    CHECK(heard(said) == 'h');
    CHECK(!ours.try_take());
    CHECK(ours.wait() >= 0);
    write_all(told.write.number(), "x");
    wait_and_take(ours);
    CHECK(ours.holder().pid == ::getpid());
    CHECK(!ours.is_wanted());
    ::waitpid(child, nullptr, 0);
}

TEST_CASE("who has the turn and takes no lock keeps nobody from it for ever, and leaves no trace when he has gone")
{
    const Scratch scratch;
    TreeLock ours(layout_in(scratch), "service");
    REQUIRE(ours.try_take());
    Descriptor stopped = ours.open_turn();
    REQUIRE(::flock(stopped.number(), LOCK_EX | LOCK_NB) == 0);
    CHECK(ours.is_wanted());
    ours.release();
    CHECK(!ours.try_take());
    wait_and_take(ours);
    CHECK(ours.held());
    stopped.close();
    CHECK(!ours.is_wanted());
    TreeLock other(layout_in(scratch), "stdio");
    CHECK(!other.try_take());
    CHECK(!ours.is_wanted()); // it has only asked
    CHECK(other.wait() >= 0);
    CHECK(ours.is_wanted());
    other.stop_waiting();
    CHECK(!ours.is_wanted());
}
