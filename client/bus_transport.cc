// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/bus_connection.h"
#include "client/event_reader.h"
#include "client/transport.h"
#include "dbus/identity.h"
#include "dbus/names.h"
#include "dbus/values.h"

#include <nlohmann/json.hpp>

#include <charconv>
#include <iostream>
#include <set>
#include <thread>

namespace dkms {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(60); // how long a service that went away is looked for
constexpr auto pause = std::chrono::milliseconds(200);
constexpr auto longest_wait_for_a_place = std::chrono::seconds(1);
constexpr auto look_again = std::chrono::milliseconds(100); // for events that change no property

const std::string from_manager = "type='signal',sender='org.dkms1',interface='org.dkms1.Manager'";
const std::string from_jobs = "type='signal',sender='org.dkms1',interface='org.freedesktop.DBus.Properties',"
                              "path_namespace='/org/dkms1/job'";
const std::string owner_changes = "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                                  "member='NameOwnerChanged',arg0='org.dkms1'";

JobId job_of_path(const std::string& path)
{
    JobId job = 0;
    if (path.compare(0, bus::job_path_prefix.size(), bus::job_path_prefix) == 0)
        std::from_chars(path.data() + bus::job_path_prefix.size(), path.data() + path.size(), job);
    return job;
}

class BusTransport : public Transport {
public:
    BusTransport() { reached(); }

    Accepted submit(const Request& request, int handle, bool awaited) override;
    JobView follow(JobId job, const EventSink& sink, int interrupt, const std::function<void()>& interrupted) override;
    std::vector<ModuleStatus> status(const StatusFilter& filter) override;
    std::vector<HistoryEntry> history(const StatusFilter& filter) override;
    nlohmann::json kernels_missing_modules() override;
    std::vector<std::string> kernels_arriving() override;
    nlohmann::json needs(const std::vector<KernelId>& kernels) override;
    std::filesystem::path install_tree() override;
    std::vector<Finding> lint(const std::filesystem::path& path) override;
    std::vector<JobView> jobs() override;
    std::vector<JobView> all_jobs() override;
    JobView job(JobId job) override;
    void cancel(JobId job) override;
    Descriptor open_log(JobId job) override;
    void monitor(const std::function<void(const JobView&)>& changed, int interrupt) override;
    bool jobs_outlive_client() const override { return true; }

private:
    std::string identity();
    /// What was heard since it was last looked at.
    struct Heard {
        std::set<JobId> made;
        std::set<JobId> changed;
        std::set<JobId> removed;
        bool gone = false;
    };

    BusConnection& reached();
    void hear();
    template <typename Function>
    auto answered(Function function);
    template <typename Function>
    auto kept_trying(Function function);

    sdbus::MethodReply manager(const char* method, const BusConnection::Fill& fill = {});
    sdbus::MethodReply of_job(JobId job, const char* method, const BusConnection::Fill& fill = {});
    JobView get_job(JobId job);
    Descriptor open_of_job(JobId job, const char* method);
    void wait_for_a_place();
    Accepted submit_once(const Request& request, int handle, bool awaited);
    std::optional<JobView> attend(JobId job, EventReader& events, int interrupt,
                                  const std::function<void()>& interrupted);

    std::unique_ptr<BusConnection> connection_;
    bool hearing_ = false;
    Heard heard_;
};

BusConnection& BusTransport::reached()
{
    if (!connection_) {
        hearing_ = false;
        heard_ = {};
        connection_ = std::make_unique<BusConnection>();
    }
    return *connection_;
}

/// Subscribes, once for each connection. Before a call whose signals matter.
void BusTransport::hear()
{
    BusConnection& connection = reached();
    if (std::exchange(hearing_, true)) return;
    connection.subscribe(from_manager, [this](sdbus::Message& message) {
        const std::string member(message.getMemberName());
        if (member == "ModulesChanged") return;
        JobId job = 0;
        message >> job;
        (member == "JobNew" ? heard_.made : heard_.removed).insert(job);
    });
    connection.subscribe(from_jobs, [this](sdbus::Message& message) {
        heard_.changed.insert(job_of_path(std::string(message.getPath())));
    });
    connection.subscribe(owner_changes, [this](sdbus::Message& message) {
        std::string name;
        std::string before;
        message >> name >> before;
        if (!before.empty()) heard_.gone = true;
    });
}

/// For what is asked once: a service that is not there is an error.
template <typename Function>
auto BusTransport::answered(Function function)
{
    try {
        return function();
    } catch (const BusGone& gone) {
        connection_.reset();
        throw Error(ErrorCode::service_unavailable, {{"reason", gone.reason}});
    }
}

/// For what may be asked again: nothing was accepted, or the same request is joined. Also of a service that is being
/// restarted.
template <typename Function>
auto BusTransport::kept_trying(Function function)
{
    const auto deadline = Clock::now() + patience;
    while (true) {
        try {
            return function();
        } catch (const BusGone& gone) {
            connection_.reset();
            if (Clock::now() > deadline) throw Error(ErrorCode::service_unavailable, {{"reason", gone.reason}});
        } catch (const Error& error) {
            if (error.code() != ErrorCode::shutting_down || Clock::now() > deadline) throw;
        }
        std::this_thread::sleep_for(pause);
    }
}

sdbus::MethodReply BusTransport::manager(const char* method, const BusConnection::Fill& fill)
{
    return reached().call(bus::manager_path, bus::manager_interface, method, fill);
}

sdbus::MethodReply BusTransport::of_job(JobId job, const char* method, const BusConnection::Fill& fill)
{
    get_job(job); // says so if there is no such job, and brings the object of one that ended long ago back
    return reached().call(bus::job_path(job), bus::job_interface, method, fill);
}

JobView BusTransport::get_job(JobId job)
{
    auto reply = manager("GetJob", [job](sdbus::MethodCall& call) { call << job; });
    return job_view_from_json(bus::read_dictionary(reply));
}

Transport::Accepted BusTransport::submit(const Request& request, int handle, bool awaited)
{
    for (bool is_told = false;; is_told = true) {
        try {
            return kept_trying([&] { return submit_once(request, handle, awaited); });
        } catch (const Error& error) {
            if (!awaited || !is_full_queue(error)) throw;
            if (!is_told)
                std::cerr << "Waiting for a place in the queue of dkmsd: " << error.parameter("reason") << ".\n";
            wait_for_a_place();
        }
    }
}

/// Until a job has ended, or some time has passed in which one may have that was not heard of.
void BusTransport::wait_for_a_place()
{
    const auto deadline = Clock::now() + longest_wait_for_a_place;
    try {
        while (std::exchange(heard_.removed, {}).empty() && Clock::now() < deadline) reached().wait(-1, look_again);
    } catch (const BusGone&) {
        connection_.reset();
    }
}

Transport::Accepted BusTransport::submit_once(const Request& request, int handle, bool awaited)
{
    hear();
    auto reply = manager(bus::method_of(request.verb, request.handle).c_str(),
                         [&](sdbus::MethodCall& call) { bus::write_request(call, request, handle, !awaited); });
    JobId job = 0;
    reply >> job;
    // JobNew is sent right after the reply, so it has arrived when the next call is answered.
    get_job(job);
    reached().handle();
    return {job, heard_.made.count(job) == 0};
}

JobView BusTransport::follow(JobId job, const EventSink& sink, int interrupt, const std::function<void()>& interrupted)
{
    EventReader events(job, sink);
    auto deadline = Clock::time_point::max();
    while (true) {
        try {
            hear();
            heard_.gone = false;
            const JobView before = get_job(job);
            events.attach(open_of_job(job, "Events"));
            deadline = Clock::time_point::max();
            // Ended before we began to listen: what there is to read is all there will be.
            if (before.result) return events.read_end(before);
            if (auto ended = attend(job, events, interrupt, interrupted)) return *ended;
        } catch (const BusGone&) {
            connection_.reset();
        }
        if (deadline == Clock::time_point::max()) deadline = Clock::now() + patience;
        if (Clock::now() > deadline) throw Error(ErrorCode::service_gone, {{"job", std::to_string(job)}});
        if (wait_readable(interrupt, pause)) interrupted();
    }
}

/// Until the job has ended (its view), or the service has gone (nothing).
std::optional<JobView> BusTransport::attend(JobId job, EventReader& events, int interrupt,
                                            const std::function<void()>& interrupted)
{
    while (true) {
        const bool removed = heard_.removed.erase(job) > 0;
        if (events.read() || removed) {
            const JobView now = get_job(job);
            if (now.result) return events.read_end(now);
            events.forget_end();
        }
        if (heard_.gone || !hearing_) return std::nullopt; // or a cancel in between has found it gone
        if (reached().wait(interrupt, look_again)) interrupted();
    }
}

std::vector<ModuleStatus> BusTransport::status(const StatusFilter& filter)
{
    return answered([&] {
        auto reply =
            manager("ListModules", [&](sdbus::MethodCall& call) { bus::write_dictionary(call, to_json(filter)); });
        return bus::read_modules(reply);
    });
}

std::vector<HistoryEntry> BusTransport::history(const StatusFilter& filter)
{
    return answered([&] {
        auto reply =
            manager("GetHistory", [&](sdbus::MethodCall& call) { bus::write_dictionary(call, to_json(filter)); });
        std::vector<HistoryEntry> entries;
        for (const nlohmann::json& one : bus::read_dictionaries(reply)) entries.push_back(history_entry_from_json(one));
        return entries;
    });
}

nlohmann::json BusTransport::kernels_missing_modules()
{
    return answered([&] {
        auto reply = reached().call(bus::manager_path, bus::properties_interface, "Get", [](sdbus::MethodCall& call) {
            call << std::string(bus::manager_interface) << std::string("KernelsMissingModules");
        });
        reply.enterVariant("aa{sv}");
        nlohmann::json gaps = bus::read_dictionaries(reply);
        reply.exitVariant();
        return gaps;
    });
}

std::vector<std::string> BusTransport::kernels_arriving()
{
    return answered([&]() -> std::vector<std::string> {
        auto reply = reached().call(bus::manager_path, bus::properties_interface, "Get", [](sdbus::MethodCall& call) {
            call << std::string(bus::manager_interface) << std::string("KernelsArriving");
        });
        sdbus::Variant releases;
        reply >> releases;
        return releases.get<std::vector<std::string>>();
    });
}

/// The service is not needed for that: the caller looks itself, in the trees that the service works on.
nlohmann::json BusTransport::needs(const std::vector<KernelId>& kernels)
{
    return make_stdio_transport(bus::trees_in(identity()))->needs(kernels);
}

std::filesystem::path BusTransport::install_tree() { return bus::install_tree_in(identity()); }

std::string BusTransport::identity()
{
    return answered([&] {
        auto reply = reached().call(bus::manager_path, bus::properties_interface, "Get", [](sdbus::MethodCall& call) {
            call << std::string(bus::manager_interface) << std::string("Identity");
        });
        sdbus::Variant identity;
        reply >> identity;
        return identity.get<std::string>();
    });
}

std::vector<Finding> BusTransport::lint(const std::filesystem::path&)
{
    throw Error(ErrorCode::not_supported, {{"reason", "the service takes no paths from clients"}});
}

std::vector<JobView> BusTransport::jobs()
{
    return answered([&] {
        auto reply = manager("ListJobs", [](sdbus::MethodCall& call) { call << std::uint64_t{0}; });
        std::vector<sdbus::Struct<std::uint64_t, std::string, std::string, std::uint32_t, sdbus::ObjectPath>> rows;
        reply >> rows;
        std::vector<JobView> found;
        for (const auto& row : rows) found.push_back(get_job(row.get<0>()));
        return found;
    });
}

std::vector<JobView> BusTransport::all_jobs()
{
    return answered([&] {
        auto reply = manager("GetJobs", [](sdbus::MethodCall& call) {
            call << std::uint64_t{0};
            bus::write_dictionary(call, nlohmann::json::object());
        });
        std::vector<JobView> found;
        for (const nlohmann::json& one : bus::read_dictionaries(reply)) found.push_back(job_view_from_json(one));
        return found;
    });
}

JobView BusTransport::job(JobId job)
{
    return answered([&] { return get_job(job); });
}

void BusTransport::cancel(JobId job)
{
    answered([&] {
        of_job(job, "Cancel", [](sdbus::MethodCall& call) { bus::write_dictionary(call, nlohmann::json::object()); });
    });
}

Descriptor BusTransport::open_of_job(JobId job, const char* method)
{
    auto reply = of_job(job, method);
    return bus::read_descriptor(reply);
}

Descriptor BusTransport::open_log(JobId job)
{
    return answered([&] { return open_of_job(job, "OpenLog"); });
}

void BusTransport::monitor(const std::function<void(const JobView&)>& changed, int interrupt)
{
    answered([&] {
        hear();
        while (!reached().wait(interrupt, std::chrono::milliseconds(-1))) {
            Heard heard = std::exchange(heard_, {});
            heard.changed.merge(heard.made);
            heard.changed.merge(heard.removed);
            for (const JobId job : heard.changed) changed(get_job(job));
        }
    });
}

} // namespace

std::unique_ptr<Transport> make_bus_transport()
{
    try {
        return std::make_unique<BusTransport>();
    } catch (const BusGone& gone) {
        throw Error(ErrorCode::service_unavailable, {{"reason", gone.reason}});
    }
}

} // namespace dkms
