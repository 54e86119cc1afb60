// SPDX-License-Identifier: LGPL-2.1-or-later
// Who waits for whom is found from the lines of each resource: here it is compared with every pair.
#include "lib/queue/precedence.h"
#include "lib/queue/queue.h"
#include "lib/queue/scope.h"
#include "tests/catch.h"
#include "tests/unit/queue_fixture.h"

#include <algorithm>
#include <random>
#include <set>

#include <malloc.h>

using namespace dkms;
using namespace dkms::test;

namespace {

/// The rule, pair by pair.
class Pairs {
public:
    void enter(const Precedence::Entrant& who, std::vector<Resource> scope)
    {
        members_[who.job] = {who, std::move(scope), who.inside};
    }
    void begin(JobId job) { members_.at(job).ahead = true; }
    void surveyed(JobId job) { std::erase_if(members_.at(job).scope, is_for_survey); }
    void leave(JobId job) { members_.erase(job); }

    bool may_begin(JobId job) const
    {
        return std::none_of(members_.begin(), members_.end(),
                            [&](const auto& other) { return waits(members_.at(job), other.second); });
    }
    bool is_waited_for(JobId job) const
    {
        return std::any_of(members_.begin(), members_.end(),
                           [&](const auto& other) { return waits(other.second, members_.at(job)); });
    }
    std::set<JobId> reached(JobId job) const
    {
        std::set<JobId> seen{job};
        std::vector<JobId> to_visit{job};
        while (!to_visit.empty()) {
            const Member& one = members_.at(to_visit.back());
            to_visit.pop_back();
            for (const auto& [id, other] : members_)
                if (waits(other, one) && seen.insert(id).second) to_visit.push_back(id);
        }
        return seen;
    }

private:
    struct Member {
        Precedence::Entrant who;
        std::vector<Resource> scope;
        bool ahead = false;
    };
    static bool waits(const Member& one, const Member& other)
    {
        if (one.ahead || one.who.outermost == other.who.outermost || !conflict(one.scope, other.scope)) return false;
        return other.ahead || other.who.outermost < one.who.outermost;
    }

    std::map<JobId, Member> members_;
};

class Chance {
public:
    explicit Chance(unsigned seed) : engine_(seed) {}
    unsigned below(unsigned end) { return std::uniform_int_distribution<unsigned>(0, end - 1)(engine_); }
    bool one_in(unsigned many) { return below(many) == 0; }

    std::vector<Resource> scope()
    {
        std::map<std::string, bool> chosen;
        for (unsigned count = 1 + below(3); count > 0; --count)
            chosen["module " + std::to_string(below(4))] |= one_in(2);
        if (one_in(3)) chosen["less for " + std::to_string(below(2))] = one_in(2);
        std::vector<Resource> scope;
        for (const auto& [name, exclusive] : chosen) scope.push_back({name, exclusive});
        return scope;
    }

private:
    std::mt19937 engine_;
};

} // namespace

TEST_CASE("who is before whom is the same as for every pair")
{
    for (unsigned seed = 0; seed < 40; ++seed) {
        INFO("seed " << seed);
        Chance chance(seed);
        Precedence lines;
        Pairs pairs;
        std::vector<Precedence::Entrant> there;
        JobId next = 1;
        for (int move = 0; move < 60; ++move) {
            if (there.empty() || chance.one_in(2)) {
                const bool is_part = !there.empty() && chance.one_in(3);
                const JobId outermost =
                    is_part ? there[chance.below(static_cast<unsigned>(there.size()))].outermost : next;
                const Precedence::Entrant one{next++, outermost, is_part && chance.one_in(3)};
                const auto scope = chance.scope();
                lines.enter(one, scope);
                pairs.enter(one, scope);
                there.push_back(one);
            } else {
                const auto place = chance.below(static_cast<unsigned>(there.size()));
                const JobId job = there[place].job;
                const unsigned what = chance.below(3);
                const auto both = [&](auto change) {
                    change(lines);
                    change(pairs);
                };
                if (what == 0) both([job](auto& one) { one.begin(job); });
                if (what == 1) both([job](auto& one) { one.surveyed(job); });
                if (what == 2) both([job](auto& one) { one.leave(job); });
                if (what == 2) there.erase(there.begin() + place);
            }
            for (const auto& one : there) {
                INFO("job " << one.job);
                CHECK(lines.may_begin(one.job) == pairs.may_begin(one.job));
                CHECK(lines.is_waited_for(one.job) == pairs.is_waited_for(one.job));
                std::set<JobId> seen;
                CHECK_FALSE(lines.reaches(one.job, [&seen](JobId job) { return !seen.insert(job).second; }));
                CHECK(seen == pairs.reached(one.job));
            }
        }
    }
}

TEST_CASE("thousands of jobs about the same take room for each of them, not for each pair")
{
    Queue queue({4096, 4096, 64, true});
    const auto before = ::mallinfo2().uordblks;
    for (int count = 0; count < 1000; ++count) {
        queue.submit(remove_plan("m"), root, 1.0);
        queue.submit(install_plan("m", "a"), root, 1.0);
    }
    CHECK(queue.waiting() == 2000);
    CHECK(::mallinfo2().uordblks - before < 16U * 1024 * 1024);
    std::size_t started = 0;
    for (const QueueCommand& command : queue.next()) started += std::holds_alternative<StartStep>(command);
    CHECK(started == 1);
}
