// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/bus_job.h"

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace dkms {

/// /org/dkms1, as long as the object lives.
class BusManager {
public:
    /// A request was accepted and answered: hears which job, who asked, and whether it is a new one.
    using Accepted = std::function<void(const Supervisor::Accepted&, const Caller&)>;
    /// Somebody asks for a job: its object is to be there.
    using Asked = std::function<void(JobId)>;
    /// Throws Error Internal when the code and dbus/members.h differ; sdbus::Error when the connection is closed.
    BusManager(BusContext context, const std::string& version, Accepted accepted, Asked asked);
    BusManager(const BusManager&) = delete;
    BusManager& operator=(const BusManager&) = delete;

    // Signals. All throw sdbus::Error when the connection is closed.
    void tell_new(JobId job);
    void tell_removed(const JobView& job);
    void tell_modules_changed();
    void tell_gaps_changed(const nlohmann::json& gaps); ///< as shown() makes them
    /// How many jobs wait and run, if that has changed.
    void tell_counts();

private:
    struct Counts {
        std::uint32_t queued = 0;
        std::uint32_t running = 0;
        bool operator==(const Counts&) const = default;
    };
    Counts counts() const;
    void export_methods(GuardedInterface& interface);
    void export_properties(GuardedInterface& interface, const std::string& version);
    using Look = nlohmann::json (*)(const Places&, const StatusFilter&);
    using Write = void (*)(sdbus::MethodReply&, const nlohmann::json&);
    /// For a call whose argument is a filter: what the reader finds is written as the answer. Questions of the same
    /// name and filter are one.
    Deed look_up(sdbus::MethodCall call, const std::string& what, Look look, Write write);
    TreeReader::Hear answer_to(const bus::Sender& sender, Reception::Fail fail,
                               std::function<void(const nlohmann::json&)> write);
    bool takes_over(const bus::IncomingCall& call);
    void write_all_properties(sdbus::Message& message, const nlohmann::json& gaps) const;
    Deed list_modules(sdbus::MethodCall call);
    Deed get_history(sdbus::MethodCall call);
    Deed list_jobs(sdbus::MethodCall call);
    Deed get_job(sdbus::MethodCall call);
    Deed get_error(sdbus::MethodCall call);
    Deed get_jobs(sdbus::MethodCall call);
    Deed make_job(sdbus::MethodCall call, Verb verb, bool with_handle);
    sdbus::Signal signal(const char* name);

    BusContext context_;
    Accepted accepted_;
    Asked asked_;
    Counts told_;
    std::map<std::string, Getter> properties_; ///< but for KernelsMissingModules
    std::unique_ptr<nlohmann::json> told_gaps_;
    std::shared_ptr<BusManager*> self_; ///< for answers that come when this object may have gone
    std::unique_ptr<sdbus::IObject> object_;
};

} // namespace dkms
