// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/loop.h"
#include "daemon/workers.h"
#include "lib/model/event.h"
#include "lib/model/job.h"
#include "lib/model/places.h"
#include "lib/process/descriptor.h"

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace dkms {

/// What a front (the bus, or the stdio lines) hears. All calls come from the event loop.
class Observer {
public:
    virtual ~Observer() = default;
    virtual void job_new(JobId) {}
    virtual void job_changed(JobId) {} ///< look with Supervisor::view
    virtual void job_ended(JobId) {}
    virtual void event(const Event&) {} ///< every event of every job, `job` filled in
    virtual void tree_changed() {}      ///< a step that changes the tree has ended
    virtual void outdated() {}          ///< another version is installed by now, whose workers are not ours
};

/// Runs the queue's commands: has one dkms-worker started for each step, hands on what it reports, keeps the lock of
/// the tree while a step runs, and the jobserver that all builds share. Everything happens on one sd-event loop;
/// nothing blocks.
class Supervisor {
public:
    struct Setup {
        Places places;
        /// Where its steps are done, see daemon/workers.h.
        std::function<std::unique_ptr<Workers>(Loop& loop, std::function<void()> outdated)> workers;
        std::filesystem::path
            job_directory;     ///< logs and journal of the service: <state dir>/jobs; empty: none is kept (stdio)
        unsigned parallel = 0; ///< slots of the jobserver; 0: see compilers_at_a_time
        std::map<std::string, std::string> settings = {}; ///< see Work::settings
        std::size_t most_jobs = 2048;                     ///< that have not ended; children are not counted
        std::string mode = "service"; ///< who holds the tree's lock, for those who wait: "service" or "stdio"
    };
    /// `observer` must outlive the supervisor. Throws Error Internal.
    Supervisor(Loop& loop, Setup setup, Observer& observer);
    ~Supervisor();
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    struct Accepted {
        JobId job;
        bool joined;
    };
    /// Plans, accepts, and with a job directory writes the request to disk before it returns. Steps start in the loop's
    /// next turn. `client_pid`: who asked, so that a request from inside a running job is known as that (0: not known).
    /// Throws Error: what plan() and Queue::submit() throw.
    /// `handle`: the descriptor that lies beside the request, if it has one.
    Accepted submit(const Request& request, const Caller& caller, int client_pid = 0, Descriptor handle = {});
    /// The same for who can be answered later: in the loop's turn in which it is known whether the tree can be changed,
    /// so that what keeps it from that is an error of the request. What submit() returns or throws is what `accepted`
    /// or `failed` hears, once and perhaps at once; both may throw nothing.
    using OnAccepted = std::function<void(const Accepted&)>;
    using OnFailed = std::function<void(const Error&)>;
    void submit_later(const Request& request, const Caller& caller, int client_pid, Descriptor handle,
                      OnAccepted accepted, OnFailed failed);

    void cancel(JobId job, bool force = false); ///< throws NoSuchJob, NotCancelable
    void leave(JobId job, const Caller& caller);
    std::optional<JobView> view(JobId job) const; ///< present jobs, then the history on disk
    std::vector<JobView> jobs() const;            ///< present jobs (ended ones stay 60 s), and unreadable ones
    /// Present jobs and the history on disk: what has not ended, or was accepted or has ended at `since` or later, in
    /// seconds since the epoch. By number. Reads many files. Throws Error ReadFailed.
    std::vector<JobView> jobs_since(double since) const;
    /// Read-only descriptors on a job's events and build output. Throw NoSuchJob; NotSupported without a job directory.
    Descriptor open_events(JobId job) const;
    Descriptor open_log(JobId job) const;

    /// Jobs of an earlier instance that had not ended: taken up again under their numbers, or ended as interrupted
    /// (those in whose steps dkmsd has died too often, and those for which a descriptor is gone, see KeptHandles).
    /// While the tree cannot be changed, or its state not be read, jobs that were accepted wait, and show why. Call
    /// once, before the first submit.
    void resume();
    /// Accept nothing more; end what may be ended, let installs finish; then call `done`.
    void shut_down(std::function<void()> done);
    bool idle() const;
    const Places& places() const;
    Workers& workers() const;

private:
    class Implementation;
    std::unique_ptr<Implementation> self_;
};

} // namespace dkms
