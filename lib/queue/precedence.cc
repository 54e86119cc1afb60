// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/precedence.h"

#include "lib/queue/scope.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace dkms {

// One waits for another if their scopes conflict, they are not of one family, it is not ahead itself, and the other is
// ahead or of an older outermost job. All of that is found from the two ends of a resource's lines.

void Precedence::put_into_lines(const Member& member, const Resource& resource)
{
    Holders& holders = holders_[resource.name];
    const std::pair place(member.who.outermost, member.who.job);
    holders.all.of(member).insert(place);
    if (resource.exclusive) holders.exclusive.of(member).insert(place);
}

void Precedence::take_out_of_lines(const Member& member, const Resource& resource)
{
    const auto found = holders_.find(resource.name);
    if (found == holders_.end()) return;
    const std::pair place(member.who.outermost, member.who.job);
    for (Line* const line : {&found->second.all, &found->second.exclusive}) line->of(member).erase(place);
    if (found->second.all.empty()) holders_.erase(found);
}

const Precedence::Holders* Precedence::holders_of(const Resource& resource) const
{
    const auto found = holders_.find(resource.name);
    return found == holders_.end() ? nullptr : &found->second;
}

void Precedence::enter(const Entrant& entrant, std::vector<Resource> scope)
{
    auto known = members_.extract(entrant.job);
    if (!known.empty()) {
        for (const Resource& one : known.mapped().scope) take_out_of_lines(known.mapped(), one);
        scope.insert(scope.end(), known.mapped().scope.begin(), known.mapped().scope.end());
    }
    const Member& member = members_[entrant.job] = {entrant, std::move(scope), false};
    for (const Resource& one : member.scope) put_into_lines(member, one);
}

void Precedence::begin(JobId job)
{
    const auto found = members_.find(job);
    if (found == members_.end() || found->second.begun) return;
    Member& member = found->second;
    for (const Resource& one : member.scope) take_out_of_lines(member, one);
    member.begun = true;
    for (const Resource& one : member.scope) put_into_lines(member, one);
}

void Precedence::surveyed(JobId job)
{
    const auto found = members_.find(job);
    if (found == members_.end()) return;
    Member& member = found->second;
    for (const Resource& one : member.scope)
        if (is_for_survey(one)) take_out_of_lines(member, one);
    std::erase_if(member.scope, is_for_survey);
}

void Precedence::leave(JobId job)
{
    const auto gone = members_.extract(job);
    if (gone.empty()) return;
    for (const Resource& one : gone.mapped().scope) take_out_of_lines(gone.mapped(), one);
}

bool Precedence::may_begin(JobId job) const
{
    const auto found = members_.find(job);
    if (found == members_.end() || found->second.is_ahead()) return true;
    const JobId own = found->second.who.outermost;
    return std::none_of(found->second.scope.begin(), found->second.scope.end(), [&](const Resource& one) {
        const Line& line = rivals(*holders_of(one), one.exclusive);
        const bool other_ahead =
            !line.ahead.empty() && (line.ahead.begin()->first != own || line.ahead.rbegin()->first != own);
        return other_ahead || (!line.waiting.empty() && line.waiting.begin()->first < own);
    });
}

bool Precedence::is_waited_for(JobId job) const
{
    const auto found = members_.find(job);
    if (found == members_.end()) return false;
    const JobId own = found->second.who.outermost;
    return std::any_of(found->second.scope.begin(), found->second.scope.end(), [&](const Resource& one) {
        const Line& line = rivals(*holders_of(one), one.exclusive);
        if (line.waiting.empty()) return false;
        return line.waiting.rbegin()->first > own || (found->second.is_ahead() && line.waiting.begin()->first < own);
    });
}

/// A walk along those who wait, which sees each place of a line once.
class Precedence::Reached {
public:
    explicit Reached(JobId first) : seen_{first} {}

    /// The next one; 0: there is none.
    JobId next()
    {
        if (to_visit_.empty()) return 0;
        const JobId one = to_visit_.back();
        to_visit_.pop_back();
        return one;
    }

    /// Those in the line who wait for `member`: all from a place on. What lies behind that place was seen if somebody
    /// with an earlier one has been here.
    void go_on(const Member& member, const Line& line)
    {
        const JobId own = member.who.outermost;
        const JobId from = member.is_ahead() ? 0 : own + 1;
        Seen& seen = seen_of_.try_emplace(&line).first->second;
        if (seen.left_out != 0 && seen.left_out != own && seen.left_out >= from) {
            visit(line, seen.left_out, seen.left_out + 1, 0);
            seen.left_out = 0;
        }
        if (from >= seen.from) return;
        visit(line, from, seen.from, own);
        if (from <= own && own < seen.from) seen.left_out = own;
        seen.from = from;
    }

private:
    /// What of a line has been seen: all from a place on, but one family, of which nobody waits for the others.
    struct Seen {
        JobId from = std::numeric_limits<JobId>::max();
        JobId left_out = 0;
    };

    void visit(const Line& line, JobId from, JobId end, JobId but)
    {
        for (auto place = line.waiting.lower_bound({from, 0}); place != line.waiting.end() && place->first < end;
             ++place)
            if (place->first != but && seen_.insert(place->second).second) to_visit_.push_back(place->second);
    }

    std::set<JobId> seen_;
    std::vector<JobId> to_visit_;
    std::map<const Line*, Seen> seen_of_;
};

bool Precedence::reaches(JobId job, const std::function<bool(JobId)>& is_such) const
{
    Reached reached(job);
    for (JobId one = job; one != 0; one = reached.next()) {
        if (is_such(one)) return true;
        const auto found = members_.find(one);
        if (found == members_.end()) continue;
        for (const Resource& resource : found->second.scope)
            reached.go_on(found->second, rivals(*holders_of(resource), resource.exclusive));
    }
    return false;
}

bool Precedence::has_conflict(const std::vector<Resource>& scope) const
{
    return std::any_of(scope.begin(), scope.end(), [this](const Resource& one) {
        const Holders* const holders = holders_of(one);
        return holders != nullptr && !rivals(*holders, one.exclusive).empty();
    });
}

} // namespace dkms
