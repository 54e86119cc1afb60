// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/loop.h"
#include "daemon/supervisor.h"
#include "dbus/sdbus_compat.h"
#include "lib/process/descriptor.h"

#include <map>
#include <memory>
#include <string>

namespace dkms {

/// Keeps the machine from being shut down or sent to sleep, by a block inhibitor of systemd-logind, while a step runs
/// that must not be cut off, and while modules are made of the kernel that boots next. Where there is no logind, or it
/// refuses, nothing happens: nothing ever waits for it.
class Inhibitor {
public:
    /// All must outlive it. A service that has not the right to ask logind has it asked by its workers.
    Inhibitor(Loop& loop, sdbus::IConnection& connection, const Supervisor& supervisor);

    // What the Observer hears. Nothing is thrown.
    void job_new();
    void job_changed(JobId job);
    void job_ended(JobId job);

private:
    std::string reason_for(const JobView& job) const;
    void reasons_changed();
    void take();
    void taken(sdbus::MethodReply* reply);

    Loop& loop_;
    sdbus::IConnection& connection_;
    const Supervisor& supervisor_;
    std::string next_kernel_;               ///< its release
    std::map<JobId, std::string> reasons_;  ///< sentences
    std::unique_ptr<sdbus::IProxy> logind_; ///< while it is asked, and while it is held
    std::shared_ptr<Descriptor> held_;      ///< there while it is wanted; empty until it has been granted
    Source on_release_;
};

} // namespace dkms
