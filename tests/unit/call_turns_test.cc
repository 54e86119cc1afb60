// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/call_turns.h"
#include "tests/catch.h"

#include <string>

using namespace dkms;

namespace {

class Calls {
public:
    void add(uid_t user, const std::string& name)
    {
        turns.add(user, {"of " + name, [this, name] { done += name + " "; },
                         [this, name](const std::string&) { done += "no-" + name + " "; }});
    }
    void serve(
        std::size_t count, const CallTurns::MayAnswer& may = [](const std::string&, uid_t) { return true; })
    {
        while (count-- > 0)
            if (const auto call = turns.next(may)) call->run();
    }

    CallTurns turns;
    std::string done;
};

} // namespace

TEST_CASE("users take turns, and the calls of one user keep their order")
{
    Calls calls;
    for (const char* name : {"a1", "a2", "a3", "a4"}) calls.add(1, name);
    calls.serve(1);
    calls.add(2, "b1");
    calls.add(3, "c1");
    calls.serve(3);
    CHECK(calls.done == "a1 a2 b1 c1 ");
    calls.add(3, "c2");
    calls.serve(10);
    CHECK(calls.done == "a1 a2 b1 c1 a3 c2 a4 ");
    CHECK(calls.turns.empty());
}

TEST_CASE("a sender that may not be answered is passed over, and holds up no one")
{
    Calls calls;
    for (const char* name : {"a1", "a2"}) calls.add(1, name);
    calls.add(2, "b1");
    calls.serve(3, [](const std::string& sender, uid_t) { return sender != "of a1" && sender != "of b1"; });
    CHECK(calls.done == "a2 ");
    CHECK(calls.turns.count(1) == 1);
    CHECK(calls.turns.count(2) == 1);
    calls.serve(5);
    CHECK(calls.done.size() == std::string("a2 a1 b1 ").size());
}

TEST_CASE("what is short is taken back from who has most of it, and never from who is spared")
{
    Calls calls;
    const auto spared = [](uid_t user) { return user == 0; };
    for (const char* name : {"r1", "r2", "r3"}) calls.add(0, name);
    calls.add(1, "a1");
    for (const char* name : {"b1", "b2"}) calls.add(2, name);
    for (int times = 0; times < 3; ++times) {
        const auto call = calls.turns.take_from_busiest(spared);
        REQUIRE(call);
        call->turn_off("");
    }
    CHECK(calls.done.find("no-b2 ") == 0);
    CHECK_FALSE(calls.turns.take_from_busiest(spared));
    CHECK(calls.turns.count(0) == 3);
    calls.serve(5);
    CHECK(calls.turns.empty());
}
