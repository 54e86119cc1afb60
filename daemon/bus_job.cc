// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/bus_job.h"

#include "dbus/names.h"
#include "dbus/values.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>
#include <variant>

namespace dkms {
namespace {

/// What a changing property shows; types as in dbus/members.h.
using Shown = std::variant<std::string, std::uint32_t, bool, nlohmann::json>;

void write(sdbus::Message& message, const Shown& shown)
{
    const auto write_one = [&](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, nlohmann::json>)
            bus::write_dictionary(message, value);
        else
            message << value;
    };
    std::visit(write_one, shown);
}

struct ChangingProperty {
    const char* name;
    Shown (*of)(const JobView&);
};

constexpr std::array changing{
    ChangingProperty{"State", [](const JobView& job) { return Shown(std::string(name_of(job.state))); }},
    ChangingProperty{"Stage", [](const JobView& job) { return Shown(std::string(name_of(job.stage))); }},
    ChangingProperty{"Progress", [](const JobView& job) { return Shown(std::uint32_t{job.percent}); }},
    ChangingProperty{"Cancelable", [](const JobView& job) { return Shown(job.cancelable); }},
    ChangingProperty{"Result",
                     [](const JobView& job) { return Shown(std::string(job.result ? name_of(*job.result) : "")); }},
    ChangingProperty{"ErrorName",
                     [](const JobView& job) { return Shown(job.error ? job.error->bus_name() : std::string()); }},
    ChangingProperty{"ErrorMessage",
                     [](const JobView& job) { return Shown(job.error ? job.error->message() : std::string()); }},
    ChangingProperty{
        "Error", [](const JobView& job) { return Shown(job.error ? to_json(*job.error) : nlohmann::json::object()); }},
};

std::vector<std::string> kernels_of(const JobView& job)
{
    std::vector<std::string> kernels;
    for (const KernelId& kernel : job.request.kernels) kernels.push_back(kernel.text());
    return kernels;
}

/// A method without arguments that answers with a descriptor.
Handler descriptor_handler(std::function<Descriptor()> open)
{
    return [open = std::move(open)](sdbus::MethodCall call) {
        return Deed{[call, open](const bus::Sender&) {
                        auto reply = call.createReply();
                        reply << sdbus::UnixFd(open().release(), sdbus::adopt_fd);
                        reply.send();
                    },
                    {}};
    };
}

} // namespace

BusJob::BusJob(const BusContext& context, JobId id)
    : supervisor_(context.supervisor), id_(id), told_(view()), self_(std::make_shared<BusJob*>(this)),
      object_(sdbus::createObject(context.connection, sdbus::ObjectPath{bus::job_path(id)}))
{
    GuardedInterface interface(bus::job_interface, context.reception);
    export_methods(interface);
    export_constants(interface);
    export_changing(interface);
    interface.export_on(*object_);
}

JobView BusJob::view() const
{
    if (auto view = supervisor_.view(id_)) return *std::move(view);
    throw Error(ErrorCode::no_such_job, {{"job", std::to_string(id_)}});
}

void BusJob::export_methods(GuardedInterface& interface)
{
    interface.method("Cancel", [this](sdbus::MethodCall call) {
        bus::read_no_options(call);
        return Deed{[self = std::weak_ptr<BusJob*>(self_), id = id_, call](const bus::Sender& sender) {
                        const auto job = self.lock();
                        if (!job) throw Error(ErrorCode::no_such_job, {{"job", std::to_string(id)}});
                        (*job)->cancel(sender);
                        call.createReply().send();
                    },
                    view().uid};
    });
    const auto open = [this, &interface](const char* name, Descriptor (Supervisor::*of)(JobId) const) {
        interface.method(
            name, descriptor_handler([&supervisor = supervisor_, id = id_, of] { return (supervisor.*of)(id); }));
    };
    open("Events", &Supervisor::open_events);
    open("OpenLog", &Supervisor::open_log);
}

void BusJob::export_constants(GuardedInterface& interface)
{
    const auto text = [&](const char* name, const std::string& value) {
        interface.property(name, [value](sdbus::Message& reply) { reply << value; });
    };
    const auto number = [&](const char* name, std::uint64_t value) {
        interface.property(name, [value](sdbus::Message& reply) { reply << value; });
    };
    number("Id", told_.id);
    number("Parent", told_.parent);
    number("EnqueuedAt", static_cast<std::uint64_t>(told_.queued_at * 1e6));
    text("Operation", std::string(name_of(told_.request.verb)));
    text("Module", told_.request.module.name);
    text("ModuleVersion", told_.request.module.version);
    interface.property("Kernels", [kernels = kernels_of(told_)](sdbus::Message& reply) { reply << kernels; });
    interface.property("StartedByUID", [uid = std::uint32_t{told_.uid}](sdbus::Message& reply) { reply << uid; });
}

void BusJob::export_changing(GuardedInterface& interface)
{
    for (const ChangingProperty& property : changing)
        interface.property(property.name,
                           [this, of = property.of](sdbus::Message& reply) { write(reply, of(view())); });
}

void BusJob::cancel(const bus::Sender& sender)
{
    const auto own = std::find_if(submitters_.begin(), submitters_.end(),
                                  [&](const Caller& caller) { return caller.name == sender.name; });
    if (own == submitters_.end() || submitters_.size() == 1) return supervisor_.cancel(id_);
    // Others wait for the same job: the sender only gives up its own interest in it.
    supervisor_.leave(id_, *own);
    submitters_.erase(own);
}

void BusJob::tell_changes()
{
    const JobView now = view();
    std::vector<bus::PropertyName> names;
    for (const ChangingProperty& property : changing)
        if (property.of(now) != property.of(told_)) names.emplace_back(property.name);
    told_ = now;
    if (!names.empty()) object_->emitPropertiesChangedSignal(bus::InterfaceName{bus::job_interface}, names);
}

} // namespace dkms
