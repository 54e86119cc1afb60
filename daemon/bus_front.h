// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/authority.h"
#include "daemon/bus_manager.h"
#include "daemon/inhibitor.h"
#include "daemon/loop.h"
#include "daemon/reception.h"
#include "daemon/supervisor.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dkms {

/// One connection to the bus and everything that is shown on it: the manager, an object for each job until 60 s after
/// its end, signals in the right order (the reply to a call, then JobNew; PropertiesChanged, then JobRemoved), changes
/// at most ten times a second.
///
/// Hears what the Observer hears. When the bus goes away it calls `gone` and does nothing more; jobs go on without it.
class BusFront {
public:
    struct Listener {
        std::function<void()> called;                       ///< of every call
        std::function<std::vector<std::string>()> arriving; ///< see BusContext
        std::function<void()> gone;                         ///< the bus is gone; the front must not be destroyed in it
    };
    /// Connects to the system bus, or to DBUS_SYSTEM_BUS_ADDRESS where that is set, and shows the jobs that are there.
    /// Does not take the name yet. Throws Error ServiceUnavailable.
    BusFront(Loop& loop, Supervisor& supervisor, const Authority& authority, TreeReader& reader, KnownGaps& gaps,
             const std::string& version, Listener listener);
    ~BusFront();
    BusFront(const BusFront&) = delete;
    BusFront& operator=(const BusFront&) = delete;

    /// Throws Error ServiceUnavailable when somebody else has the name or it is not allowed.
    void take_name();
    /// Gives the name back. Every call that has arrived until then is taken in.
    void give_name_back();
    /// A call has been taken in and waits for its turn.
    bool has_calls() const { return !reception_.empty(); }

    void job_new(JobId job);
    void job_changed(JobId job);
    void job_ended(JobId job);
    void tree_changed();
    void gaps_changed(const nlohmann::json& gaps);

private:
    struct Shown {
        std::unique_ptr<BusJob> object;
        bool is_told = false; ///< JobNew was sent, or waits to be
        Source expiry;
    };
    BusJob& show(JobId job);
    void show_for_a_while(JobId job);
    void show_again(JobId job);
    void tell_new();
    void tell_soon();
    void tell_changes();
    template <typename Function>
    void on_bus(Function function);

    Loop& loop_;
    std::unique_ptr<sdbus::IConnection> connection_;
    Reception reception_;
    BusContext context_;
    Inhibitor inhibitor_;
    std::optional<BusManager> manager_;
    std::map<JobId, Shown> jobs_;
    std::vector<JobId> new_; ///< not told yet
    std::set<JobId> changed_;
    bool tree_changed_ = false;
    Source on_new_;
    Source on_pause_end_;
    bool pausing_ = false; ///< changes were told less than a tenth of a second ago
    std::optional<bus::Pump> pump_;
};

} // namespace dkms
