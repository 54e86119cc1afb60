// SPDX-License-Identifier: LGPL-2.1-or-later
// An owner of a queue whose steps end when the test says so.
#pragma once

#include "lib/queue/queue.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace dkms::test {

inline ModuleId module(const std::string& name) { return {name, "1.0"}; }
inline KernelId kernel(const std::string& release) { return {release, "x86_64"}; }

inline Step step(StepKind kind, const std::string& name, const std::string& release = {})
{
    return {kind, name.empty() ? ModuleId{} : module(name), release.empty() ? KernelId{} : kernel(release), {}};
}

inline Request request(Verb verb, const std::string& name, const std::string& release = {})
{
    Request made{verb, module(name), {}, {}};
    if (!release.empty()) made.kernels.push_back(kernel(release));
    return made;
}

inline JobPlan build_plan(const std::string& name, const std::string& release)
{
    return {request(Verb::build, name, release), {step(StepKind::build, name, release)}, {}};
}

inline JobPlan install_plan(const std::string& name, const std::string& release)
{
    return {request(Verb::install, name, release),
            {step(StepKind::build, name, release), step(StepKind::install, name, release)},
            {}};
}

inline JobPlan remove_plan(const std::string& name)
{
    return {request(Verb::remove, name), {step(StepKind::remove, name)}, {}};
}

inline JobPlan autoinstall_plan(const std::string& release)
{
    return {{Verb::autoinstall, {}, {kernel(release)}, {}}, {step(StepKind::survey, "", release)}, {}};
}

/// The same steps for a request that is about no module, so that only what the steps need decides.
inline JobPlan about_nothing(JobPlan plan)
{
    plan.request.verb = Verb::generate_key;
    return plan;
}

/// One child for each release.
inline JobPlan install_on_each(const std::string& name, const std::vector<std::string>& releases)
{
    JobPlan plan{request(Verb::install, name), {}, {}};
    for (const std::string& release : releases) {
        plan.request.kernels.push_back(kernel(release));
        plan.children.push_back(install_plan(name, release));
    }
    return plan;
}

inline Outcome done() { return {}; }
inline Outcome skipped() { return {Result::skipped, std::nullopt, {}}; }
inline Outcome excluded() { return {Result::skipped, Error(ErrorCode::build_excluded), {}}; }
inline Outcome cancelled() { return {Result::cancelled, Error(ErrorCode::cancelled), {}}; }
inline Outcome failed(ErrorCode code = ErrorCode::build_failed) { return {Result::failed, Error(code), {}}; }
/// What a survey says when these modules are missing.
inline Outcome missing(const std::vector<std::string>& names, const std::string& release)
{
    Outcome outcome;
    for (const std::string& name : names) outcome.jobs.push_back(install_plan(name, release));
    return outcome;
}
inline Outcome with_follow_up(Outcome outcome, std::vector<Step> steps)
{
    outcome.follow_up = std::move(steps);
    return outcome;
}

inline const Caller root{0, ":1.1", true};
inline const Caller user{1000, ":1.2", true};
inline const Caller background{0, ":1.3", false};

/// Carries out what the queue says and keeps a record of it.
class Desk {
public:
    explicit Desk(QueueLimits limits = {}) : queue(limits, 1, "running") {}

    JobId submit(JobPlan plan, const Caller& caller = root, JobId inside = 0)
    {
        const JobId job = queue.submit(std::move(plan), caller, 1.0, inside).job;
        turn();
        return job;
    }

    void turn()
    {
        for (const QueueCommand& command : queue.next()) {
            if (const auto* start = std::get_if<StartStep>(&command)) {
                running.emplace(start->job, *start);
                started.push_back(*start);
            } else if (const auto* stop = std::get_if<StopStep>(&command)) {
                stopped.push_back(stop->step);
            } else if (const auto* end = std::get_if<JobEnded>(&command)) {
                ended.push_back(end->job);
            }
        }
    }

    bool runs(JobId job) const { return running.count(job) != 0; }
    bool runs(JobId job, StepKind kind) const { return runs(job) && running.at(job).what.kind == kind; }
    StepId step_of(JobId job) const
    {
        if (!runs(job)) throw std::logic_error("job " + std::to_string(job) + " has no running step");
        return running.at(job).step;
    }

    /// The running step of `job` ends.
    void end_step(JobId job, Outcome outcome = done())
    {
        const StepId id = step_of(job);
        running.erase(job);
        queue.finished(id, std::move(outcome), 2.0);
        turn();
    }

    /// Every step ends well until nothing runs any more.
    void drain()
    {
        while (!running.empty()) end_step(running.begin()->first);
    }

    bool was_stopped(StepId id) const { return std::find(stopped.begin(), stopped.end(), id) != stopped.end(); }
    bool has_ended(JobId job) const { return std::find(ended.begin(), ended.end(), job) != ended.end(); }
    Result result(JobId job) const { return queue.view(job).value().result.value(); }
    ErrorCode error(JobId job) const { return queue.view(job).value().error.value().code(); }

    Queue queue;
    std::map<JobId, StartStep> running;
    std::vector<StartStep> started;
    std::vector<StepId> stopped;
    std::vector<JobId> ended;
};

/// The code of the error that `call` throws; Internal if it throws none.
template <typename Call>
ErrorCode code_thrown_by(Call call)
{
    try {
        call();
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::internal;
}

} // namespace dkms::test
