// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/step.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dkms {

/// Which accepted jobs have to have ended before another one begins: those whose scopes are in its way and that were
/// accepted before it. So what is planned for a job when it begins holds until it ends.
///
/// A part that a survey has found counts as accepted with its outermost job, but comes after what has begun. What is
/// asked for from inside a running step waits for nobody here: somebody who keeps others waiting waits for it. Nobody
/// waits for a job of its own family, so nobody waits in a circle.
class Precedence {
public:
    struct Entrant {
        JobId job = 0;
        JobId outermost = 0;
        bool inside = false; ///< see JobTable::is_inside
    };
    /// A job with a scope has been accepted.
    void enter(const Entrant& entrant, std::vector<Resource> scope);
    /// It has begun: it waits for nobody from here on.
    void begin(JobId job);
    /// What is to be done has been found out, see is_for_survey().
    void surveyed(JobId job);
    /// It has ended. Unknown jobs are ignored, here and above.
    void leave(JobId job);

    /// Whether nothing that is before it has yet to end. True for unknown jobs.
    bool may_begin(JobId job) const;
    /// Whether somebody accepted later waits for it.
    bool is_waited_for(JobId job) const;
    /// Whether it, or a job that waits for it, be it by way of others, is such a one.
    bool reaches(JobId job, const std::function<bool(JobId)>& is_such) const;
    /// Whether a job with this scope would have to wait.
    bool has_conflict(const std::vector<Resource>& scope) const;

private:
    struct Member {
        Entrant who;
        std::vector<Resource> scope;
        bool begun = false;
        bool is_ahead() const { return begun || who.inside; } ///< it waits for nobody
    };
    /// Members by their outermost jobs. Who waits for whom follows from that and is not kept: with thousands that are
    /// about the same it would be millions of pairs.
    using Places = std::set<std::pair<JobId, JobId>>; ///< outermost job, job
    struct Line {
        Places ahead;
        Places waiting;
        Places& of(const Member& member) { return member.is_ahead() ? ahead : waiting; }
        bool empty() const { return ahead.empty() && waiting.empty(); }
    };
    /// Who is about a resource; those who want it for themselves are in both lines.
    struct Holders {
        Line all;
        Line exclusive;
    };
    /// What can be in the way of one who wants the resource.
    static const Line& rivals(const Holders& holders, bool exclusive)
    {
        return exclusive ? holders.all : holders.exclusive;
    }
    class Reached;

    void put_into_lines(const Member& member, const Resource& resource);
    void take_out_of_lines(const Member& member, const Resource& resource);
    const Holders* holders_of(const Resource& resource) const;

    std::map<JobId, Member> members_;
    std::unordered_map<std::string, Holders> holders_; ///< of a resource
};

} // namespace dkms
