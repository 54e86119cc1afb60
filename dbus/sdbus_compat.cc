// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/sdbus_compat.h"

#include "dbus/members.h"
#include "dbus/names.h"
#include "dbus/values.h"
#include "lib/model/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
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

constexpr int messages_a_turn = 64;               // so that what else there is to do never waits for long
constexpr std::uint64_t unwritten_messages = 512; // for a bus that does not read what is written to it

/// The connection of sd-bus in one of sdbus-c++, which shows it in its messages only.
sd_bus* raw_bus(sdbus::IConnection& connection) { return sd_bus_message_get_bus(RawMessage::of(new_body(connection))); }

std::string_view text_or_empty(const char* text) { return text != nullptr ? text : std::string_view(); }

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

void call_later(sdbus::IProxy& proxy, const sdbus::MethodCall& call, Answered answered)
{
#if DKMS_SDBUS_2
    proxy.callMethodAsync(
        call, [answered = std::move(answered)](sdbus::MethodReply reply, std::optional<sdbus::Error> error) {
            answered(error ? nullptr : &reply, error ? std::string(error->getName()) : std::string());
        });
#else
    proxy.callMethod(call, [answered = std::move(answered)](sdbus::MethodReply& reply, const sdbus::Error* error) {
        answered(error != nullptr ? nullptr : &reply, error != nullptr ? error->getName() : std::string());
    });
#endif
}

sdbus::MethodCall new_body(sdbus::IConnection& connection)
{
    const auto proxy = sdbus::createProxy(connection, ServiceName{bus_name}, sdbus::ObjectPath{bus_path});
    return proxy->createMethodCall(InterfaceName{bus_interface}, MethodName{"GetId"});
}

HeldCall::HeldCall(sd_bus_message* message) : message_(sd_bus_message_ref(message), sd_bus_message_unref) {}

HeldCall::HeldCall(const sdbus::MethodCall& call) : HeldCall(RawMessage::of(call)) {}

std::string HeldCall::sender() const { return std::string(text_or_empty(sd_bus_message_get_sender(message_.get()))); }

void HeldCall::answer(sdbus::MethodCall body) const
{
    body.seal();
    body.rewind(true);
    sd_bus_message* raw = nullptr;
    if (sd_bus_message_new_method_return(message_.get(), &raw) < 0) return;
    const std::unique_ptr<sd_bus_message, sd_bus_message* (*)(sd_bus_message*)> reply(raw, sd_bus_message_unref);
    if (sd_bus_message_copy(raw, RawMessage::of(body), 1) >= 0) sd_bus_send(nullptr, raw, nullptr);
}

void HeldCall::fail(const sdbus::Error& error) const
{
    const std::string name(error.getName());
    const std::string message(error.getMessage());
    sd_bus_reply_method_errorf(message_.get(), name.c_str(), "%s", message.c_str());
}

std::string_view IncomingCall::interface() const { return text_or_empty(sd_bus_message_get_interface(message_)); }
std::string_view IncomingCall::member() const { return text_or_empty(sd_bus_message_get_member(message_)); }
std::string_view IncomingCall::path() const { return text_or_empty(sd_bus_message_get_path(message_)); }
std::string_view IncomingCall::sender() const { return text_or_empty(sd_bus_message_get_sender(message_)); }
bool IncomingCall::wants_reply() const { return sd_bus_message_get_expect_reply(message_) > 0; }

std::optional<std::vector<std::string>> IncomingCall::texts(std::size_t count, std::size_t longest) const
{
    if (text_or_empty(sd_bus_message_get_signature(message_, 1)) != std::string(count, SD_BUS_TYPE_STRING))
        return std::nullopt;
    std::vector<std::string> read;
    for (const char* text = nullptr; read.size() < count; read.emplace_back(text))
        if (sd_bus_message_read_basic(message_, SD_BUS_TYPE_STRING, &text) <= 0 || std::strlen(text) > longest) break;
    sd_bus_message_rewind(message_, 1);
    if (read.size() < count) return std::nullopt;
    return read;
}

CallFilter::CallFilter(sdbus::IConnection& connection, std::function<bool(const IncomingCall&)> takes)
    : takes_(std::move(takes))
{
    const auto on_message = [](sd_bus_message* message, void* data, sd_bus_error*) {
        std::uint8_t type = 0;
        if (sd_bus_message_get_type(message, &type) < 0 || type != SD_BUS_MESSAGE_METHOD_CALL) return 0;
        return static_cast<CallFilter*>(data)->answer(IncomingCall(message));
    };
    const int result = sd_bus_add_filter(raw_bus(connection), &slot_, on_message, this);
    if (result < 0) throw Error(ErrorCode::internal, {{"reason", "filter of messages: " + errno_text(-result)}});
}

/// What the library is to hear: 1 for a call that is dealt with, 0 for others. It is C: no exception may pass through
/// it.
int CallFilter::answer(const IncomingCall& call) const noexcept
{
    try {
        try {
            return takes_(call) ? 1 : 0;
        } catch (...) {
            if (call.wants_reply()) call.hold().fail(to_bus(current_error()));
            return 1;
        }
    } catch (...) {
        return -ENOMEM; // which becomes the answer
    }
}

CallFilter::~CallFilter() { sd_bus_slot_unref(slot_); }

class Pump::Implementation {
public:
    Implementation(sd_event* loop, sdbus::IConnection& connection, std::function<void()> gone)
        : connection_(connection), bus_(raw_bus(connection)), gone_(std::move(gone))
    {
        const Watch watch = watch_of(connection);
        check(sd_event_add_io(loop, &io_, watch.descriptor, watch.events, on_io, this));
        check(sd_event_source_set_prepare(io_, on_prepare));
        check(sd_event_add_time(loop, &timer_, CLOCK_MONOTONIC, 0, 1, on_time, this));
        if (watch.wake_descriptor >= 0)
            check(sd_event_add_io(loop, &wake_, watch.wake_descriptor, EPOLLIN, on_io, this));
        for (sd_event_source* source : {io_, timer_, wake_})
            if (source != nullptr) check(sd_event_source_set_priority(source, priority_of_bus));
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
            const Watch watch = self.what_to_watch();
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

    /// A bus that does not read from us holds too much that others have not read. Whoever makes us write more waits.
    bool is_held_up() const
    {
        std::uint64_t unwritten = 0;
        return sd_bus_get_n_queued_write(bus_, &unwritten) >= 0 && unwritten > unwritten_messages;
    }

    Watch what_to_watch() const
    {
        Watch watch = watch_of(connection_);
        if (is_held_up()) {
            watch.events = EPOLLOUT;
            watch.deadline = UINT64_MAX;
        }
        return watch;
    }

    /// Of what has been read and not written the first call writes as much as the bus takes, before it reads again.
    void handle()
    {
        guarded([this] {
            for (int handled = 0; handled < messages_a_turn && handle_one(connection_); ++handled)
                if (is_held_up()) return;
        });
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
    sd_bus* bus_;
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

void handle_received(sdbus::IConnection& connection)
{
    std::uint64_t received = 0;
    sd_bus_get_n_queued_read(raw_bus(connection), &received);
    while (received-- > 0 && handle_one(connection)) continue;
}

void write_out(sdbus::IConnection& connection, std::chrono::milliseconds limit) noexcept
{
    try {
        sd_bus* const bus = raw_bus(connection);
        const auto deadline = std::chrono::steady_clock::now() + limit;
        std::uint64_t unwritten = 0;
        while (sd_bus_get_n_queued_write(bus, &unwritten) >= 0 && unwritten > 0) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
            pollfd socket{sd_bus_get_fd(bus), POLLOUT, 0};
            if (left.count() <= 0 || ::poll(&socket, 1, static_cast<int>(left.count())) == 0) return sd_bus_close(bus);
            handle_one(connection); // writes, and handles nothing as long as it could
        }
    } catch (const sdbus::Error&) {
        return; // it is closed
    } catch (const Error&) {
        return;
    }
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

std::string next_variant(const sdbus::Message& message)
{
    char type = 0;
    const char* contents = nullptr;
    if (sd_bus_message_peek_type(RawMessage::of(message), &type, &contents) <= 0 || type != SD_BUS_TYPE_VARIANT)
        return {};
    return contents;
}

std::string read_text(sdbus::Message& message, std::size_t longest)
{
    const char* text = nullptr;
    if (sd_bus_message_read_basic(RawMessage::of(message), SD_BUS_TYPE_STRING, &text) <= 0)
        throw Error(ErrorCode::invalid_args, {{"reason", "a text is missing"}});
    const std::size_t length = std::strlen(text);
    if (length > longest)
        throw Error(ErrorCode::invalid_args, {{"reason", "a text has " + std::to_string(length) + " bytes"}});
    return std::string(text, length);
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
