// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/loop.h"
#include "lib/model/event.h"
#include "lib/model/outcome.h"
#include "lib/model/places.h"
#include "lib/process/child.h"
#include "lib/process/jobserver.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace dkms {

/// Version of what dkmsd and dkms-worker say to each other. They come from one package and a running dkmsd keeps the
/// worker it started with, so another version is an error and not a negotiation.
inline constexpr int worker_protocol = 1;

/// Descriptors of a worker, beside the three usual ones (docs/architecture.md, "Worker protocol").
struct WorkerDescriptors {
    static constexpr int step = 3;   ///< the order; end of file: the parent is gone
    static constexpr int events = 4; ///< one event a line; the last line is the outcome
    static constexpr int lock = 5;   ///< the tree's lock, only to keep it
    static constexpr int jobserver_read = 6;
    static constexpr int jobserver_write = 7;
    static constexpr int handle = 8; ///< what lies beside the request
};

/// What a worker is told: one line of JSON after the line with the protocol's version.
struct WorkOrder {
    Step step;
    Places places;
    JobId job = 0;
    bool jobserver = false;                           ///< whether descriptors 6 and 7 are make's jobserver
    bool handle = false;                              ///< whether descriptor 8 is what lies beside the request
    std::map<std::string, std::string> settings = {}; ///< see Work::settings
    bool background = false;                          ///< nobody waits for it: it is to yield to others
};
nlohmann::json to_json(const WorkOrder& order);
WorkOrder work_order_from_json(const nlohmann::json& value);

/// A dkms-worker at work. Ends it with SIGKILL when the object ends.
class WorkerProcess {
public:
    struct Start {
        int program; ///< descriptor of the worker's executable
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
    /// Throws Error Internal.
    WorkerProcess(Loop& loop, const Start& start, Listener listener);

    /// Asks it to stop; after ten seconds it is killed with all its children.
    void stop();
    /// At first it may. If from now on it may not, a stop of before does not kill it.
    void set_may_be_killed(bool may);
    int pid() const { return child_.pid(); }

private:
    /// It names every job that an autoinstall has found to be needed.
    static constexpr std::size_t longest_outcome = std::size_t{64} * 1024 * 1024;

    void read_events();
    void take(std::string_view bytes);
    void kill_later();
    void end();

    Loop& loop_;
    Listener listener_;
    Descriptor order_; ///< kept open: its end of file tells the worker that we are gone
    Descriptor events_;
    LineBuffer lines_{longest_outcome};
    Child child_;
    std::optional<Outcome> outcome_;
    bool not_understood_ = false;
    bool stopping_ = false;
    bool may_be_killed_ = true;
    bool has_ended_ = false;
    Source on_events_;
    Source on_exit_;
    Source on_grace_;
};

} // namespace dkms
