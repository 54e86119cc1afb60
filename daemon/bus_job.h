// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/bus_guard.h"
#include "daemon/known_gaps.h"
#include "daemon/supervisor.h"
#include "daemon/tree_reader.h"
#include "dbus/sdbus_compat.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dkms {

/// What the objects on the bus work with. All of it outlives them.
struct BusContext {
    sdbus::IConnection& connection;
    Supervisor& supervisor;
    Reception& reception;
    TreeReader& reader; ///< outlives even the connection
    KnownGaps& gaps;
    std::function<std::vector<std::string>()> arriving; ///< releases, see KernelWatch::arriving()
};

/// /org/dkms1/job/_ID, as long as the object lives.
class BusJob {
public:
    /// Throws Error NoSuchJob; sdbus::Error when the connection is closed.
    BusJob(const BusContext& context, JobId id);
    BusJob(const BusJob&) = delete;
    BusJob& operator=(const BusJob&) = delete;

    /// Tells by PropertiesChanged what has changed since the last time. Throws sdbus::Error when the connection is
    /// closed.
    void tell_changes();
    /// Somebody has asked for this job, as the first or by joining it.
    void add_submitter(const Caller& caller) { submitters_.push_back(caller); }
    JobView view() const;

private:
    void export_methods(GuardedInterface& interface);
    void export_constants(GuardedInterface& interface);
    void export_changing(GuardedInterface& interface);
    void cancel(const bus::Sender& sender);

    Supervisor& supervisor_;
    JobId id_;
    JobView told_;
    std::vector<Caller> submitters_;
    std::shared_ptr<BusJob*> self_; ///< for calls whose turn comes when this object may have gone
    std::unique_ptr<sdbus::IObject> object_;
};

} // namespace dkms
