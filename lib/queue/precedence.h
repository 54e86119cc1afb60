// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/step.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
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
        std::set<JobId> before; ///< what it waits for
        std::set<JobId> after;  ///< what waits for it
    };
    std::set<JobId> in_the_way_of(const std::vector<Resource>& scope) const;
    void put(JobId first, JobId second);
    void forget(JobId job, const Resource& resource);

    std::map<JobId, Member> members_;
    std::unordered_map<std::string, std::map<JobId, bool>> holders_; ///< of a resource; whether exclusive
};

} // namespace dkms
