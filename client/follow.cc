// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/follow.h"

#include "client/wakeups.h"

#include <csignal>

#include <unistd.h>

namespace dkms {
namespace {

constexpr int exit_interrupted = 130;

double seconds_since_epoch()
{
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// Without unwinding: nothing may wait for a job that somebody no longer wants to wait for. A bus-less dkmsd hears of
/// it by the end of its input.
[[noreturn]] void leave(Renderer& renderer)
{
    renderer.clear();
    ::_exit(exit_interrupted);
}

class Follower {
public:
    Follower(Transport& transport, Renderer& renderer, OnInterrupt on_interrupt)
        : transport_(transport), renderer_(renderer), on_interrupt_(on_interrupt), wakeups_(renderer.tick_period())
    {
    }

    void follow(JobId job)
    {
        transport_.follow(
            job, [this](const Event& event) { renderer_.event(event); }, wakeups_.descriptor(),
            [this, job] { woken(job); });
    }

    bool was_interrupted() const { return cancelling_; }

private:
    void woken(JobId job)
    {
        const Wakeups::Heard heard = wakeups_.take();
        if (heard.tick) renderer_.tick(seconds_since_epoch());
        if (!heard.interrupted) return;
        if (cancelling_ || on_interrupt_ == OnInterrupt::leave) leave(renderer_);
        cancelling_ = true;
        cancel(job);
    }

    void cancel(JobId job)
    {
        try {
            renderer_.say("Cancelling; once more to leave at once.");
            transport_.cancel(job);
        } catch (const Error& error) {
            // It is in a step that is finished in any case, or has ended in this moment: its result will tell.
            renderer_.say(error.message());
        }
    }

    Transport& transport_;
    Renderer& renderer_;
    OnInterrupt on_interrupt_;
    Wakeups wakeups_;
    bool cancelling_ = false;
};

} // namespace

void follow_to_end(Transport& transport, const std::vector<JobId>& jobs, Renderer& renderer, OnInterrupt on_interrupt)
{
    Follower follower(transport, renderer, on_interrupt);
    for (const JobId job : jobs) follower.follow(job);
    // Who pressed twice in the moment in which the job ended gets its exit code, not a death by the signal.
    if (follower.was_interrupted()) std::signal(SIGINT, SIG_IGN);
    renderer.clear();
}

int follow_jobs(Transport& transport, const std::vector<JobId>& jobs, Renderer& renderer, OnInterrupt on_interrupt,
                ExitCode exit_code)
{
    follow_to_end(transport, jobs, renderer, on_interrupt);
    const int code = exit_code(renderer.board());
    renderer.finish(code);
    return code;
}

} // namespace dkms
