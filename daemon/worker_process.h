// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/loop.h"
#include "daemon/workers.h"
#include "lib/model/event.h"
#include "lib/model/outcome.h"
#include "lib/process/jobserver.h"

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace dkms {

/// A dkms-worker at work, as its dkmsd sees it: what it reports, and how it ends. Ends it with SIGKILL when the object
/// ends.
class WorkerProcess {
public:
    struct Start {
        WorkOrder order;
        int lock;                   ///< descriptor of the tree's lock; -1: none
        const Jobserver* jobserver; ///< may be null
        int log;                    ///< where its output goes; -1: nowhere
        int handle = -1;            ///< descriptor for the worker's handle; -1: none
    };
    struct Listener {
        std::function<void(const Event&)> event;
        std::function<void(Outcome)> ended; ///< called once; the object may be destroyed in it
    };
    /// Throws Error Internal, UnitFailed.
    WorkerProcess(Loop& loop, Workers& workers, const Start& start, Listener listener);

    /// Asks it to stop; after ten seconds it is killed with all its children.
    void stop();
    /// At first it may. If from now on it may not, a stop of before does not kill it.
    void set_may_be_killed(bool may);
    int pid() const { return worker_->pid(); } ///< 0: not known

private:
    /// It names every job that an autoinstall has found to be needed.
    static constexpr std::size_t longest_outcome = std::size_t{64} * 1024 * 1024;

    void read_events();
    void take(std::string_view bytes);
    void kill_later();
    void look_for_end();
    Outcome outcome_of(const WorkerEnd& end) const;

    Loop& loop_;
    Listener listener_;
    Descriptor events_;
    LineBuffer lines_{longest_outcome};
    std::unique_ptr<StartedWorker> worker_;
    std::optional<Outcome> outcome_;
    bool not_understood_ = false;
    bool stopping_ = false;
    bool may_be_killed_ = true;
    bool has_ended_ = false;
    Source on_events_;
    Source on_worker_;
    Source on_grace_;
};

} // namespace dkms
