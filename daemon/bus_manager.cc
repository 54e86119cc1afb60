// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/bus_manager.h"

#include "dbus/identity.h"
#include "dbus/members.h"
#include "dbus/names.h"
#include "dbus/values.h"
#include "lib/tree/install_history.h"
#include "lib/tree/scan.h"

#include <nlohmann/json.hpp>

#include <cstdint>

namespace dkms {
namespace {

constexpr std::array verbs{Verb::add,          Verb::build,        Verb::install,     Verb::uninstall,
                           Verb::unbuild,      Verb::remove,       Verb::rebuild,     Verb::load,
                           Verb::pack,         Verb::match,        Verb::autoinstall, Verb::kernel_preinst,
                           Verb::kernel_prerm, Verb::generate_key, Verb::check,       Verb::switch_version,
                           Verb::roll_back};

constexpr const char* gaps_property = "KernelsMissingModules";
constexpr std::size_t longest_interface = 255;
constexpr std::size_t longest_text_of_an_error = std::size_t{32} * 1024;
constexpr double microseconds = 1e6; // of a second

using JobRow = sdbus::Struct<std::uint64_t, std::string, std::string, std::uint32_t, sdbus::ObjectPath>;

JobRow row_of(const JobView& job)
{
    return JobRow{job.id, std::string(name_of(job.request.verb)), std::string(name_of(job.state)),
                  std::uint32_t{job.percent}, sdbus::ObjectPath{bus::job_path(job.id)}};
}

/// To have opened a file for writing shows that one may write to it; a directory is opened by whoever may read it.
void check_is_no_directory(const Descriptor& handle)
{
    if (is_directory(handle.number()))
        throw Error(ErrorCode::invalid_args, {{"reason", "a directory is not written into for others"}});
}

} // namespace

BusManager::BusManager(BusContext context, const std::string& version, Accepted accepted, Asked asked)
    : context_(context), accepted_(std::move(accepted)), asked_(std::move(asked)),
      told_gaps_(std::make_unique<nlohmann::json>(nlohmann::json::array())), self_(std::make_shared<BusManager*>(this)),
      object_(sdbus::createObject(context_.connection, sdbus::ObjectPath{bus::manager_path}))
{
    GuardedInterface interface(bus::manager_interface, context_.reception);
    export_methods(interface);
    export_properties(interface, version);
    interface.export_on(*object_);
    context_.reception.set_diversion([this](const bus::IncomingCall& call) { return takes_over(call); });
}

void BusManager::export_methods(GuardedInterface& interface)
{
    interface.method("ListModules", [this](sdbus::MethodCall call) { return list_modules(std::move(call)); });
    interface.method("GetHistory", [this](sdbus::MethodCall call) { return get_history(std::move(call)); });
    interface.method("ListJobs", [this](sdbus::MethodCall call) { return list_jobs(std::move(call)); });
    interface.method("GetJobs", [this](sdbus::MethodCall call) { return get_jobs(std::move(call)); });
    interface.method("GetError", [this](sdbus::MethodCall call) { return get_error(std::move(call)); });
    interface.method("GetJob", [this](sdbus::MethodCall call) { return get_job(std::move(call)); });
    for (const Verb verb : verbs)
        for (const bool with_handle : {false, true})
            if (with_handle ? shape_of(verb).handle != Need::none : shape_of(verb).handle != Need::required)
                interface.method(bus::method_of(verb, with_handle).c_str(),
                                 [this, verb, with_handle](sdbus::MethodCall call) {
                                     return make_job(std::move(call), verb, with_handle);
                                 });
}

void BusManager::export_properties(GuardedInterface& interface, const std::string& version)
{
    properties_["Version"] = [version](sdbus::Message& reply) { reply << version; };
    properties_["RunningKernel"] = [kernel = running_release()](sdbus::Message& reply) { reply << kernel; };
    properties_["Identity"] = [this](sdbus::Message& reply) {
        reply << bus::identity_of(context_.supervisor.places());
    };
    properties_["KernelsArriving"] = [this](sdbus::Message& reply) { reply << context_.arriving(); };
    properties_["NQueued"] = [this](sdbus::Message& reply) { reply << counts().queued; };
    properties_["NRunning"] = [this](sdbus::Message& reply) { reply << counts().running; };
    for (const auto& [name, getter] : properties_) interface.property(name.c_str(), getter);
    // For PropertiesChanged only: calls are answered in their turn, see takes_over().
    interface.property(gaps_property, [this](sdbus::Message& reply) { bus::write_dictionaries(reply, *told_gaps_); });
}

/// Calls that need a look at the tree and that the library would have answered at once: those for
/// KernelsMissingModules, and for all properties of the manager.
bool BusManager::takes_over(const bus::IncomingCall& call)
{
    if (call.path() != bus::manager_path || call.interface() != bus::properties_interface) return false;
    const bool is_all = call.member() == "GetAll";
    const auto texts = call.texts(is_all ? 1 : 2, longest_interface);
    if (!texts || (texts->front() != bus::manager_interface && !(is_all && texts->front().empty()))) return false;
    if (!is_all && (call.member() != "Get" || texts->back() != gaps_property)) return false;

    const bus::HeldCall held = call.hold();
    const Reception::Fail fail = context_.reception.fail_of(held);
    auto run = [this, held, is_all, fail](const bus::Sender& sender) {
        context_.gaps.ask(context_.reception.is_privileged(sender),
                          answer_to(sender, fail, [this, held, is_all](const nlohmann::json& gaps) {
                              auto body = bus::new_body(context_.connection);
                              if (is_all) {
                                  write_all_properties(body, gaps);
                              } else {
                                  body.openVariant("aa{sv}");
                                  bus::write_dictionaries(body, gaps);
                                  body.closeVariant();
                              }
                              held.answer(std::move(body));
                          }));
    };
    guarded(fail, [&] {
        context_.reception.take(std::string(call.sender()), bus::Action::look, {std::move(run), {}}, fail);
    });
    return true;
}

/// What is done when the look at the tree that a caller waits for has ended.
TreeReader::Hear BusManager::answer_to(const bus::Sender& sender, Reception::Fail fail,
                                       std::function<void(const nlohmann::json&)> write)
{
    return [self = std::weak_ptr<BusManager*>(self_), sender, fail = std::move(fail),
            write = std::move(write)](const TreeReader::Answer& answer) {
        const auto manager = self.lock();
        if (!manager) return; // the connection that the call came by has gone
        guarded(fail, [&] {
            if (!answer.found) throw answer.failure;
            write(*answer.found);
            (*manager)->context_.reception.sent(sender, answer.bytes);
        });
    };
}

void BusManager::write_all_properties(sdbus::Message& message, const nlohmann::json& gaps) const
{
    message.openContainer("{sv}");
    for (const bus::Member& row : bus::members()) {
        if (row.kind != bus::MemberKind::property || std::string_view(row.interface) != bus::manager_interface)
            continue;
        message.openDictEntry("sv");
        message << std::string(row.name);
        message.openVariant(row.takes);
        if (const auto found = properties_.find(row.name); found != properties_.end())
            found->second(message);
        else
            bus::write_dictionaries(message, gaps);
        message.closeVariant();
        message.closeDictEntry();
    }
    message.closeContainer();
}

Deed BusManager::look_up(sdbus::MethodCall call, const std::string& what, Look look, Write write)
{
    const StatusFilter filter = bus::read_filter(call);
    return {[this, call, what, filter, look, write](const bus::Sender& sender) {
                const auto found = [places = context_.supervisor.places(), filter, look] {
                    return look(places, filter);
                };
                const auto answer = [call, write](const nlohmann::json& value) {
                    auto reply = call.createReply();
                    write(reply, value);
                    reply.send();
                };
                context_.reader.ask(what + " " + to_json(filter).dump(), context_.reception.is_privileged(sender),
                                    found, answer_to(sender, context_.reception.fail_of(bus::HeldCall(call)), answer));
            },
            {}};
}

Deed BusManager::list_modules(sdbus::MethodCall call)
{
    const auto look = [](const Places& places, const StatusFilter& filter) {
        nlohmann::json modules = nlohmann::json::array();
        for (const ModuleStatus& module : scan(places, filter)) modules.push_back(to_json(module));
        return modules;
    };
    const auto write = [](sdbus::MethodReply& reply, const nlohmann::json& value) { bus::write_modules(reply, value); };
    return look_up(std::move(call), "modules", look, write);
}

Deed BusManager::get_history(sdbus::MethodCall call)
{
    const auto look = [](const Places& places, const StatusFilter& filter) {
        nlohmann::json entries = nlohmann::json::array();
        for (const HistoryEntry& entry : history_of(places, filter)) entries.push_back(to_json(entry));
        return entries;
    };
    const auto write = [](sdbus::MethodReply& reply, const nlohmann::json& value) {
        bus::write_dictionaries(reply, value);
    };
    return look_up(std::move(call), "history", look, write);
}

Deed BusManager::list_jobs(sdbus::MethodCall call)
{
    std::uint64_t flags = 0;
    call >> flags;
    if (flags != 0) throw Error(ErrorCode::invalid_args, {{"reason", "flags must be 0"}});
    return {[this, call](const bus::Sender&) {
                std::vector<JobRow> rows;
                for (const JobView& job : context_.supervisor.jobs()) rows.push_back(row_of(job));
                auto reply = call.createReply();
                reply << rows;
                reply.send();
            },
            {}};
}

Deed BusManager::get_job(sdbus::MethodCall call)
{
    JobId id = 0;
    call >> id;
    const auto view = context_.supervisor.view(id);
    if (!view) throw Error(ErrorCode::no_such_job, {{"job", std::to_string(id)}});
    return {[this, id, call, value = to_json(*view)](const bus::Sender&) {
                asked_(id);
                auto reply = call.createReply();
                bus::write_dictionary(reply, value);
                reply.send();
            },
            {}};
}

Deed BusManager::get_error(sdbus::MethodCall call)
{
    const std::string name = bus::read_text(call, longest_text_of_an_error);
    const std::string text = bus::read_text(call, longest_text_of_an_error);
    return {[this, call, name, text](const bus::Sender& sender) {
                const auto facts = context_.reception.errors().find(sender.name, name, text);
                auto reply = call.createReply();
                bus::write_dictionary(reply, facts ? *facts : nlohmann::json::object());
                reply.send();
            },
            {}};
}

/// Reads a file for each job, so it is a look like those at the tree.
Deed BusManager::get_jobs(sdbus::MethodCall call)
{
    std::uint64_t since = 0;
    call >> since;
    bus::read_no_options(call);
    return {[this, call, since](const bus::Sender& sender) {
                const auto look = [&supervisor = context_.supervisor, since] {
                    nlohmann::json jobs = nlohmann::json::array();
                    for (const JobView& job : supervisor.jobs_since(static_cast<double>(since) / microseconds))
                        jobs.push_back(to_json(job));
                    return jobs;
                };
                const auto write = [call](const nlohmann::json& jobs) {
                    auto reply = call.createReply();
                    bus::write_dictionaries(reply, jobs);
                    reply.send();
                };
                context_.reader.ask("jobs " + std::to_string(since), context_.reception.is_privileged(sender), look,
                                    answer_to(sender, context_.reception.fail_of(bus::HeldCall(call)), write));
            },
            {}};
}

Deed BusManager::make_job(sdbus::MethodCall call, Verb verb, bool with_handle)
{
    const auto received = std::make_shared<bus::ReceivedRequest>(bus::read_request(call, verb, with_handle));
    if (verb == Verb::pack && with_handle) check_is_no_directory(received->handle);
    return {[this, call, received](const bus::Sender& sender) {
                const Caller caller{sender.uid, sender.name, !received->background};
                const Reception::Fail fail = context_.reception.fail_of(bus::HeldCall(call));
                auto answer = [self = std::weak_ptr<BusManager*>(self_), call, caller,
                               fail](const Supervisor::Accepted& accepted) {
                    guarded(fail, [&] {
                        auto reply = call.createReply();
                        reply << accepted.job << sdbus::ObjectPath{bus::job_path(accepted.job)};
                        reply.send();
                        if (const auto manager = self.lock()) (*manager)->accepted_(accepted, caller);
                    });
                };
                context_.supervisor.submit_later(received->request, caller, sender.pid, std::move(received->handle),
                                                 std::move(answer), fail);
            },
            {}};
}

sdbus::Signal BusManager::signal(const char* name)
{
    return object_->createSignal(bus::InterfaceName{bus::manager_interface}, bus::SignalName{name});
}

void BusManager::tell_new(JobId job)
{
    auto message = signal("JobNew");
    message << job << sdbus::ObjectPath{bus::job_path(job)};
    object_->emitSignal(message);
}

void BusManager::tell_removed(const JobView& job)
{
    auto message = signal("JobRemoved");
    message << job.id << sdbus::ObjectPath{bus::job_path(job.id)};
    message << std::string(job.result ? name_of(*job.result) : "");
    message << (job.error ? job.error->bus_name() : std::string());
    message << (job.error ? job.error->message() : std::string());
    object_->emitSignal(message);
}

void BusManager::tell_modules_changed() { object_->emitSignal(signal("ModulesChanged")); }

void BusManager::tell_gaps_changed(const nlohmann::json& gaps)
{
    *told_gaps_ = gaps;
    object_->emitPropertiesChangedSignal(bus::InterfaceName{bus::manager_interface},
                                         {bus::PropertyName("KernelsMissingModules")});
}

BusManager::Counts BusManager::counts() const
{
    Counts counts;
    for (const JobView& job : context_.supervisor.jobs()) {
        if (job.state == JobState::queued) ++counts.queued;
        if (job.state == JobState::running) ++counts.running;
    }
    return counts;
}

void BusManager::tell_counts()
{
    const Counts now = counts();
    std::vector<bus::PropertyName> names;
    if (now.queued != told_.queued) names.emplace_back("NQueued");
    if (now.running != told_.running) names.emplace_back("NRunning");
    told_ = now;
    if (!names.empty()) object_->emitPropertiesChangedSignal(bus::InterfaceName{bus::manager_interface}, names);
}

} // namespace dkms
