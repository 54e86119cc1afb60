// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/sdbus_compat.h"

#include "dbus/members.h"
#include "lib/model/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <vector>

#include <fcntl.h>
#include <poll.h>

namespace dkms::bus {
namespace {

/// The message of sd-bus in one of sdbus-c++: the member is protected, so it is named through a derived class.
struct RawMessage : sdbus::Message {
    static sd_bus_message* of(const sdbus::Message& message)
    {
        return static_cast<sd_bus_message*>(message.*&RawMessage::msg_);
    }
};

[[noreturn]] void not_in_step(const std::string& what)
{
    throw Error(ErrorCode::internal, {{"reason", "the table of bus members and the code differ: " + what}});
}

/// Takes the handler of that name out of the map.
template <typename Function>
Function take(std::map<std::string, Function>& from, const Member& member)
{
    const auto found = from.find(member.name);
    if (found == from.end()) not_in_step(std::string("no handler for ") + member.name);
    Function function = std::move(found->second);
    from.erase(found);
    return function;
}

sdbus::Flags flags_of(const Member& member)
{
    sdbus::Flags flags;
    if (member.kind != MemberKind::property) return flags;
    if (member.change == Change::emitted) flags.set(sdbus::Flags::EMITS_CHANGE_SIGNAL);
    if (member.change == Change::constant) flags.set(sdbus::Flags::CONST_PROPERTY_VALUE);
    if (member.change == Change::silent) flags.set(sdbus::Flags::EMITS_NO_SIGNAL);
    return flags;
}

// The two libraries register the same things in different words.
#if DKMS_SDBUS_2
class Registration {
public:
    Registration(sdbus::IObject& object, const char* interface) : object_(object), interface_(interface) {}
    void method(const Member& row, std::function<void(sdbus::MethodCall)> handler)
    {
        items_.emplace_back(sdbus::MethodVTableItem{MethodName{row.name}, sdbus::Signature{row.takes},
                                                    words(row.takes_names), sdbus::Signature{row.gives},
                                                    words(row.gives_names), std::move(handler), flags_of(row)});
    }
    void signal(const Member& row)
    {
        items_.emplace_back(sdbus::SignalVTableItem{SignalName{row.name}, sdbus::Signature{row.takes},
                                                    words(row.takes_names), flags_of(row)});
    }
    void property(const Member& row, std::function<void(sdbus::PropertyGetReply&)> getter)
    {
        items_.emplace_back(sdbus::PropertyVTableItem{
            PropertyName{row.name}, sdbus::Signature{row.takes}, std::move(getter), {}, flags_of(row)});
    }
    void finish() { object_.addVTable(InterfaceName{interface_}, std::move(items_)); }

private:
    sdbus::IObject& object_;
    const char* interface_;
    std::vector<sdbus::VTableItem> items_;
};
#else
class Registration {
public:
    Registration(sdbus::IObject& object, const char* interface) : object_(object), interface_(interface) {}
    void method(const Member& row, std::function<void(sdbus::MethodCall)> handler)
    {
        object_.registerMethod(interface_, row.name, row.takes, words(row.takes_names), row.gives,
                               words(row.gives_names), std::move(handler), flags_of(row));
    }
    void signal(const Member& row)
    {
        object_.registerSignal(interface_, row.name, row.takes, words(row.takes_names), flags_of(row));
    }
    void property(const Member& row, std::function<void(sdbus::PropertyGetReply&)> getter)
    {
        object_.registerProperty(interface_, row.name, row.takes, std::move(getter), flags_of(row));
    }
    void finish() { object_.finishRegistration(); }

private:
    sdbus::IObject& object_;
    const char* interface_;
};
#endif

/// What has to be watched now.
struct Watch {
    int descriptor;
    std::uint32_t events;
    int wake_descriptor;    ///< -1: none
    std::uint64_t deadline; ///< CLOCK_MONOTONIC, microseconds; UINT64_MAX: none, 0: at once
};

Watch watch_of(const sdbus::IConnection& connection)
{
    const auto poll = connection.getEventLoopPollData();
    const auto events = static_cast<std::uint32_t>(static_cast<unsigned short>(poll.events));
#if DKMS_SDBUS_2
    const bool none = poll.timeout == std::chrono::microseconds::max();
    return {poll.fd, events, poll.eventFd, none ? UINT64_MAX : static_cast<std::uint64_t>(poll.timeout.count())};
#else
    return {poll.fd, events, -1, poll.timeout_usec};
#endif
}

bool handle_one(sdbus::IConnection& connection)
{
#if DKMS_SDBUS_2
    return connection.processPendingEvent();
#else
    return connection.processPendingRequest();
#endif
}

} // namespace

void export_interface(sdbus::IObject& object, const char* interface, Handlers handlers)
{
    Registration registration(object, interface);
    for (const Member& member : members()) {
        if (std::string_view(member.interface) != interface) continue;
        if (member.kind == MemberKind::method) registration.method(member, take(handlers.methods, member));
        if (member.kind == MemberKind::signal) registration.signal(member);
        if (member.kind == MemberKind::property) registration.property(member, take(handlers.getters, member));
    }
    if (!handlers.methods.empty()) not_in_step(handlers.methods.begin()->first);
    if (!handlers.getters.empty()) not_in_step(handlers.getters.begin()->first);
    registration.finish();
}

sdbus::Slot add_match(sdbus::IConnection& connection, const std::string& rule,
                      std::function<void(sdbus::Message&)> received)
{
    auto callback = [received = std::move(received)](auto&& message) { received(message); };
#if DKMS_SDBUS_2
    return connection.addMatch(rule, std::move(callback), sdbus::return_slot);
#else
    return connection.addMatch(rule, std::move(callback));
#endif
}

void call_later(sdbus::IProxy& proxy, const sdbus::MethodCall& call, std::function<void(sdbus::MethodReply*)> answered)
{
#if DKMS_SDBUS_2
    proxy.callMethodAsync(
        call, [answered = std::move(answered)](sdbus::MethodReply reply, std::optional<sdbus::Error> error) {
            answered(error ? nullptr : &reply);
        });
#else
    proxy.callMethod(call, [answered = std::move(answered)](sdbus::MethodReply& reply, const sdbus::Error* error) {
        answered(error != nullptr ? nullptr : &reply);
    });
#endif
}

class Pump::Implementation {
public:
    Implementation(sd_event* loop, sdbus::IConnection& connection, std::function<void()> gone)
        : connection_(connection), gone_(std::move(gone))
    {
        const Watch watch = watch_of(connection);
        check(sd_event_add_io(loop, &io_, watch.descriptor, watch.events, on_io, this));
        check(sd_event_source_set_prepare(io_, on_prepare));
        check(sd_event_add_time(loop, &timer_, CLOCK_MONOTONIC, 0, 1, on_time, this));
        if (watch.wake_descriptor >= 0)
            check(sd_event_add_io(loop, &wake_, watch.wake_descriptor, EPOLLIN, on_io, this));
    }
    ~Implementation()
    {
        // Disabled first: an object that is destroyed in one of its own callbacks must not be called again.
        for (sd_event_source* source : {io_, timer_, wake_}) sd_event_source_disable_unref(source);
    }
    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;

private:
    static void check(int result)
    {
        if (result < 0) throw Error(ErrorCode::internal, {{"reason", "event loop: " + errno_text(-result)}});
    }

    // The library may have read ahead while it waited for a reply, so what to watch is asked anew before every turn.
    static int on_prepare(sd_event_source*, void* data)
    {
        auto& self = *static_cast<Implementation*>(data);
        self.guarded([&] {
            const Watch watch = watch_of(self.connection_);
            check(sd_event_source_set_io_events(self.io_, watch.events));
            check(sd_event_source_set_time(self.timer_, watch.deadline));
            check(sd_event_source_set_enabled(self.timer_,
                                              watch.deadline == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT));
        });
        return 0;
    }
    static int on_io(sd_event_source*, int, std::uint32_t, void* data)
    {
        static_cast<Implementation*>(data)->handle();
        return 0;
    }
    static int on_time(sd_event_source*, std::uint64_t, void* data)
    {
        static_cast<Implementation*>(data)->handle();
        return 0;
    }

    void handle()
    {
        guarded([this] { handle_pending(connection_); });
    }

    template <typename Function>
    void guarded(Function function)
    {
        try {
            function();
        } catch (const sdbus::Error&) {
            close();
        }
    }

    void close()
    {
        for (sd_event_source* source : {io_, timer_, wake_})
            if (source != nullptr) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        if (gone_) std::exchange(gone_, nullptr)();
    }

    sdbus::IConnection& connection_;
    std::function<void()> gone_;
    sd_event_source* io_ = nullptr;
    sd_event_source* timer_ = nullptr;
    sd_event_source* wake_ = nullptr;
};

Pump::Pump(sd_event* loop, sdbus::IConnection& connection, std::function<void()> gone)
    : self_(std::make_unique<Implementation>(loop, connection, std::move(gone)))
{
}
Pump::~Pump() = default;

bool handle_pending(sdbus::IConnection& connection)
{
    bool any = false;
    while (handle_one(connection)) any = true;
    return any;
}

bool wait_for_message(sdbus::IConnection& connection, int other, int milliseconds)
{
    const Watch watch = watch_of(connection);
    std::array<pollfd, 3> set{{{watch.descriptor, static_cast<short>(watch.events), 0},
                               {other, POLLIN, 0},
                               {watch.wake_descriptor, POLLIN, 0}}};
    if (watch.deadline == 0) milliseconds = 0;
    if (::poll(set.data(), set.size(), milliseconds) < 0 && errno != EINTR)
        throw Error(ErrorCode::internal, {{"reason", "poll: " + errno_text(errno)}});
    return set[1].revents != 0;
}

Sender sender_of(const sdbus::Message& message)
{
    sd_bus_creds* raw = nullptr;
    const int result = sd_bus_query_sender_creds(RawMessage::of(message), SD_BUS_CREDS_EUID | SD_BUS_CREDS_PID, &raw);
    const std::unique_ptr<sd_bus_creds, sd_bus_creds* (*)(sd_bus_creds*)> credentials(raw, sd_bus_creds_unref);
    Sender sender{std::string(message.getSender()), 0, 0};
    // What was looked up in /proc afterwards may be another process's; only what the bus says counts.
    if (result < 0 || sd_bus_creds_get_euid(raw, &sender.uid) < 0 ||
        (sd_bus_creds_get_augmented_mask(raw) & SD_BUS_CREDS_EUID) != 0)
        throw Error(ErrorCode::access_denied, {{"who", "A caller that the bus does not know"}, {"what", "do this"}});
    if (sd_bus_creds_get_pid(raw, &sender.pid) < 0) sender.pid = 0;
    return sender;
}

std::string next_variant(const sdbus::Message& message)
{
    char type = 0;
    const char* contents = nullptr;
    if (sd_bus_message_peek_type(RawMessage::of(message), &type, &contents) <= 0 || type != SD_BUS_TYPE_VARIANT)
        return {};
    return contents;
}

bool at_end(const sdbus::Message& message) { return sd_bus_message_at_end(RawMessage::of(message), 0) != 0; }

Descriptor read_descriptor(sdbus::Message& message)
{
    sdbus::UnixFd received;
    message >> received;
    Descriptor descriptor(received.release());
    if (::fcntl(descriptor.number(), F_SETFD, FD_CLOEXEC) < 0)
        throw Error(ErrorCode::internal, {{"reason", "no descriptor was received: " + errno_text(errno)}});
    return descriptor;
}

} // namespace dkms::bus
