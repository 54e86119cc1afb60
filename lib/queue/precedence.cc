// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/queue/precedence.h"

#include "lib/queue/scope.h"

#include <algorithm>
#include <utility>

namespace dkms {

void Precedence::enter(const Entrant& entrant, std::vector<Resource> scope)
{
    const std::set<JobId> others = in_the_way_of(scope);
    for (const Resource& one : scope) holders_[one.name][entrant.job] |= one.exclusive;
    members_[entrant.job] = {entrant, std::move(scope), false, {}, {}};
    for (const JobId id : others) {
        const Member& other = members_.at(id);
        if (other.who.outermost == entrant.outermost) continue;
        const bool comes_first = other.begun || other.who.inside || other.who.outermost < entrant.outermost;
        if (!entrant.inside && comes_first)
            put(id, entrant.job);
        else if (!other.begun && !other.who.inside)
            put(entrant.job, id);
    }
}

void Precedence::put(JobId first, JobId second)
{
    members_.at(first).after.insert(second);
    members_.at(second).before.insert(first);
}

void Precedence::begin(JobId job)
{
    const auto found = members_.find(job);
    if (found == members_.end() || std::exchange(found->second.begun, true)) return;
    for (const JobId one : std::exchange(found->second.before, {})) members_.at(one).after.erase(job);
}

void Precedence::surveyed(JobId job)
{
    const auto found = members_.find(job);
    if (found == members_.end()) return;
    Member& member = found->second;
    for (const Resource& one : member.scope)
        if (is_for_survey(one)) forget(job, one);
    if (std::erase_if(member.scope, is_for_survey) == 0) return;
    std::erase_if(member.after, [&](JobId one) {
        Member& waiting = members_.at(one);
        if (conflict(member.scope, waiting.scope)) return false;
        waiting.before.erase(job);
        return true;
    });
}

void Precedence::leave(JobId job)
{
    const auto gone = members_.extract(job);
    if (gone.empty()) return;
    for (const Resource& one : gone.mapped().scope) forget(job, one);
    for (const JobId one : gone.mapped().after) members_.at(one).before.erase(job);
    for (const JobId one : gone.mapped().before) members_.at(one).after.erase(job);
}

void Precedence::forget(JobId job, const Resource& resource)
{
    const auto found = holders_.find(resource.name);
    if (found == holders_.end()) return;
    found->second.erase(job);
    if (found->second.empty()) holders_.erase(found);
}

bool Precedence::may_begin(JobId job) const
{
    const auto found = members_.find(job);
    return found == members_.end() || found->second.before.empty();
}

bool Precedence::is_waited_for(JobId job) const
{
    const auto found = members_.find(job);
    return found != members_.end() && !found->second.after.empty();
}

bool Precedence::reaches(JobId job, const std::function<bool(JobId)>& is_such) const
{
    std::set<JobId> seen{job};
    std::vector<JobId> to_visit{job};
    while (!to_visit.empty()) {
        const JobId one = to_visit.back();
        to_visit.pop_back();
        if (is_such(one)) return true;
        const auto found = members_.find(one);
        if (found == members_.end()) continue;
        for (const JobId next : found->second.after)
            if (seen.insert(next).second) to_visit.push_back(next);
    }
    return false;
}

bool Precedence::has_conflict(const std::vector<Resource>& scope) const { return !in_the_way_of(scope).empty(); }

std::set<JobId> Precedence::in_the_way_of(const std::vector<Resource>& scope) const
{
    std::set<JobId> jobs;
    for (const Resource& one : scope) {
        const auto found = holders_.find(one.name);
        if (found == holders_.end()) continue;
        for (const auto& [job, exclusive] : found->second)
            if (one.exclusive || exclusive) jobs.insert(job);
    }
    return jobs;
}

} // namespace dkms
