// SPDX-License-Identifier: LGPL-2.1-or-later
// Thousands of random operations on a queue with a fake runner; what must always hold is looked at after each.
#include "tests/catch.h"
#include "tests/unit/queue_fixture.h"

#include <random>
#include <set>

using namespace dkms;
using namespace dkms::test;

namespace {

const std::vector<std::string> modules{"m", "n", "o"};
const std::vector<std::string> releases{"running", "a", "b"};

/// Numbers that are the same with every library.
class Dice {
public:
    explicit Dice(unsigned seed) : engine_(seed) {}
    unsigned below(std::size_t limit) { return static_cast<unsigned>(engine_() % limit); }
    bool one_in(unsigned count) { return below(count) == 0; }
    template <typename Container>
    auto pick(const Container& from)
    {
        return *std::next(from.begin(), static_cast<std::ptrdiff_t>(below(from.size())));
    }

private:
    std::mt19937 engine_;
};

class RandomRun {
public:
    /// `patient`: a step does not end before everything that was asked for from inside it has.
    RandomRun(unsigned seed, QueueLimits limits, bool patient)
        : dice_(seed), patient_(patient), limits_(limits), queue_(limits, 1, "running")
    {
    }

    void operate()
    {
        switch (dice_.below(12)) {
        case 0:
        case 1:
        case 2:
            submit();
            break;
        case 3:
            cancel();
            break;
        case 4:
            leave();
            break;
        case 5:
            report();
            break;
        case 6:
            if (!queue_.jobs().empty()) forget(dice_.pick(queue_.jobs()));
            break;
        default:
            end_a_step();
        }
        if (!dice_.one_in(4)) turn();
    }

    void drain()
    {
        turn();
        while (!able_to_end().empty()) {
            end_a_step();
            turn();
        }
        CHECK(queue_.idle());
        CHECK(queue_.running() == 0);
        CHECK(queue_.waiting() == 0);
        CHECK(ended_ == accepted_);
    }

private:
    struct Seen {
        unsigned percent = 0;
        JobState state = JobState::queued;
    };

    JobPlan random_plan()
    {
        const std::string name = dice_.pick(modules);
        switch (dice_.below(5)) {
        case 0:
            return remove_plan(name);
        case 1:
            return build_plan(name, dice_.pick(releases));
        case 2: {
            JobPlan plan = install_on_each(name, releases);
            if (dice_.one_in(2)) plan.steps = {step(StepKind::add, name)};
            return plan;
        }
        default:
            return install_plan(name, dice_.pick(releases));
        }
    }

    void submit()
    {
        const Caller caller{dice_.below(3), ":1." + std::to_string(dice_.below(4)), dice_.one_in(2)};
        const JobId inside = running_.empty() || !dice_.one_in(3) ? 0 : dice_.pick(running_).second.job;
        try {
            const auto answer = queue_.submit(random_plan(), caller, 1, inside);
            if (answer.joined) {
                CHECK(accepted_.count(answer.job) == 1);
                CHECK(ended_.count(answer.job) == 0);
                return;
            }
            accepted_.insert(answer.job);
            if (queue_.view(answer.job)->parent != 0) inside_.insert(answer.job);
            for (const JobId child : queue_.children(answer.job)) accepted_.insert(child);
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::limits_exceeded);
        }
    }

    void cancel()
    {
        const auto jobs = queue_.jobs();
        if (jobs.empty() || dice_.one_in(2)) return;
        try {
            queue_.cancel(dice_.pick(jobs), dice_.one_in(4));
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::not_cancelable);
        }
    }

    void leave()
    {
        const auto jobs = queue_.jobs();
        if (jobs.empty()) return;
        const JobId job = dice_.pick(jobs);
        const auto submitters = *queue_.submitters(job);
        if (!submitters.empty()) queue_.leave(job, dice_.pick(submitters));
    }

    void report()
    {
        if (running_.empty()) return;
        const StepId id = dice_.pick(running_).first;
        queue_.progress(id, dice_.one_in(2) ? Stage::build : Stage::sign, dice_.below(120));
        queue_.set_cancelable(id, !dice_.one_in(3));
    }

    void end_a_step()
    {
        const auto able = able_to_end();
        if (able.empty()) return;
        const StepId id = dice_.pick(able);
        const StartStep start = running_.at(id);
        running_.erase(id);
        Outcome outcome = dice_.one_in(6)   ? failed()
                          : dice_.one_in(6) ? skipped()
                          : dice_.one_in(9) ? excluded()
                                            : done();
        if (stopped_.count(id) != 0 && dice_.one_in(2)) outcome = cancelled();
        if (start.what.kind == StepKind::install && dice_.one_in(2))
            outcome.follow_up = {step(StepKind::initramfs, "", start.what.kernel.release)};
        queue_.finished(id, outcome, 2);
    }

    std::vector<StepId> able_to_end() const
    {
        std::vector<StepId> able;
        for (const auto& one : running_) {
            const auto children = queue_.children(one.second.job);
            const bool waits = patient_ && std::any_of(children.begin(), children.end(), [this](JobId child) {
                                   return inside_.count(child) != 0 && queue_.view(child)->state != JobState::ended;
                               });
            if (!waits) able.push_back(one.first);
        }
        return able;
    }

    void forget(JobId job)
    {
        // Its end has to be heard of first.
        if (queue_.view(job)->result && ended_.count(job) == 0) return;
        queue_.forget(job);
        for (auto one = seen_.begin(); one != seen_.end();)
            one = queue_.view(one->first) ? std::next(one) : seen_.erase(one);
    }

    void turn()
    {
        for (const QueueCommand& command : queue_.next()) {
            if (const auto* start = std::get_if<StartStep>(&command))
                on_start(*start);
            else if (const auto* stop = std::get_if<StopStep>(&command))
                on_stop(stop->step);
            else if (const auto* end = std::get_if<JobEnded>(&command))
                on_end(end->job);
            else
                CHECK(ended_.count(std::get<JobChanged>(command).job) == 0);
        }
        look();
    }

    void on_start(const StartStep& start)
    {
        CHECK(steps_.insert(start.step).second);
        CHECK(ended_.count(start.job) == 0);
        for (const auto& other : running_) {
            CHECK(other.second.job != start.job);
            if (!is_above(other.second.job, start.job)) CHECK_FALSE(conflict(other.second.what, start.what));
        }
        if (start.what.kind == StepKind::initramfs) {
            CHECK(queue_.view(start.job)->parent == 0);
            CHECK(follow_ups_.insert({start.job, start.what.kernel}).second);
        }
        running_.emplace(start.step, start);
        CHECK(counted() <= limits_.running_steps);
    }

    void on_stop(StepId id)
    {
        CHECK(running_.count(id) == 1);
        CHECK(stopped_.insert(id).second);
    }

    void on_end(JobId job)
    {
        CHECK(accepted_.count(job) == 1);
        CHECK(ended_.insert(job).second);
        for (const auto& step : running_) CHECK(step.second.job != job);
        for (const JobId child : queue_.children(job)) CHECK(ended_.count(child) == 1);
        CHECK(queue_.view(job)->result);
    }

    void look()
    {
        CHECK(queue_.running() == running_.size());
        CHECK((queue_.idle() || !able_to_end().empty())); // somebody can always move
        for (const JobId job : queue_.jobs()) {
            const JobView view = queue_.view(job).value();
            Seen& before = seen_[job];
            CHECK(view.percent >= before.percent);
            CHECK(view.percent <= 100);
            CHECK(view.state >= before.state);
            CHECK((view.state == JobState::ended) == (ended_.count(job) == 1));
            before = {view.percent, view.state};
        }
    }

    bool is_above(JobId ancestor, JobId job) const
    {
        for (job = queue_.view(job)->parent; job != 0; job = queue_.view(job)->parent)
            if (job == ancestor) return true;
        return false;
    }

    bool conflict(const Step& a, const Step& b) const
    {
        for (const Resource& one : a.resources(limits_.private_builds))
            for (const Resource& other : b.resources(limits_.private_builds))
                if (one.name == other.name && (one.exclusive || other.exclusive)) return true;
        return false;
    }

    /// Running steps without those that came from inside others.
    std::size_t counted() const
    {
        return static_cast<std::size_t>(std::count_if(running_.begin(), running_.end(), [this](const auto& one) {
            const JobId job = one.second.job;
            return inside_.count(job) == 0 &&
                   std::none_of(inside_.begin(), inside_.end(), [&](JobId outer) { return is_above(outer, job); });
        }));
    }

    Dice dice_;
    bool patient_;
    QueueLimits limits_;
    Queue queue_;
    std::map<StepId, StartStep> running_;
    std::set<StepId> steps_, stopped_;
    std::set<JobId> accepted_, ended_, inside_;
    std::set<std::pair<JobId, KernelId>> follow_ups_;
    std::map<JobId, Seen> seen_;
};

void run(unsigned seed, const QueueLimits& limits, bool patient)
{
    INFO("seed " << seed);
    RandomRun random(seed, limits, patient);
    for (int i = 0; i < 300; ++i) random.operate();
    random.drain();
}

} // namespace

TEST_CASE("whatever happens, no step is started twice, no resource is shared and every job ends once")
{
    for (unsigned seed = 1; seed <= 24; ++seed) {
        QueueLimits limits;
        limits.running_steps = 1 + seed % 7;
        limits.jobs_per_user = 20;
        limits.jobs_in_total = 40;
        limits.private_builds = seed % 5 != 0;
        run(seed, limits, seed % 2 == 0);
    }
}

TEST_CASE("whatever happens, a waiting step is overtaken only by one of higher priority")
{
    // Jobs of one step each, so that the order in which they wait is that of their numbers.
    struct Job {
        Step step;
        bool awaited, for_running_kernel;
    };
    for (unsigned seed = 100; seed < 120; ++seed) {
        INFO("seed " << seed);
        Dice dice(seed);
        Queue queue({}, 1, "running");
        std::map<JobId, Job> waiting;
        std::map<StepId, Step> running;
        const auto conflict = [](const Step& a, const Step& b) {
            for (const Resource& one : a.resources())
                for (const Resource& other : b.resources())
                    if (one.name == other.name && (one.exclusive || other.exclusive)) return true;
            return false;
        };
        for (int i = 0; i < 300; ++i) {
            if (waiting.size() < 40 && dice.one_in(2)) {
                const std::vector<StepKind> kinds{StepKind::build, StepKind::install, StepKind::remove};
                const StepKind kind = dice.pick(kinds);
                const std::string release = kind == StepKind::remove ? "" : dice.pick(releases);
                const Step only = step(kind, dice.pick(modules), release);
                const bool awaited = dice.one_in(2);
                // About no module, and no two requests are the same.
                JobPlan plan{request(Verb::generate_key, only.module.name, std::to_string(i)), {only}, {}};
                const JobId job = queue.submit(plan, {dice.below(1000), "", awaited}, 1).job;
                waiting[job] = {only, awaited, release == "running"};
            } else if (!running.empty()) {
                const StepId id = dice.pick(running).first;
                running.erase(id);
                queue.finished(id, {}, 1);
            }
            const auto rank = [&](JobId id) {
                return std::tuple(!waiting[id].awaited, !waiting[id].for_running_kernel, id);
            };
            std::set<JobId> chosen;
            for (const QueueCommand& command : queue.next())
                if (const auto* start = std::get_if<StartStep>(&command)) {
                    running[start->step] = start->what;
                    chosen.insert(start->job);
                }
            for (const JobId job : chosen)
                for (const auto& other : waiting)
                    if (chosen.count(other.first) == 0 && conflict(other.second.step, waiting[job].step))
                        CHECK(rank(job) < rank(other.first));
            for (const JobId job : chosen) waiting.erase(job);
            // and nobody waits without a reason
            for (const auto& one : waiting) {
                const bool held = std::any_of(running.begin(), running.end(), [&](const auto& step_of_other) {
                    return conflict(step_of_other.second, one.second.step);
                });
                const bool claimed = std::any_of(waiting.begin(), waiting.end(), [&](const auto& other) {
                    return rank(other.first) < rank(one.first) && conflict(other.second.step, one.second.step);
                });
                CHECK((held || claimed));
            }
        }
    }
}
