// SPDX-License-Identifier: LGPL-2.1-or-later
// What differs between sdbus-c++ 1.2 and 2.x, and what both leave out. Nothing outside this pair of files asks which
// one it is.
//
// Rules that keep the rest common: only the low-level interface (createMethodCall, createSignal); names, paths and
// variants are built explicitly, with the aliases below; handlers take messages by value; getters that give text are
// wrapped in std::string(…).
#pragma once

#include "lib/process/descriptor.h"

#include <sdbus-c++/sdbus-c++.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#if __has_include(<sdbus-c++/VTableItems.h>)
#define DKMS_SDBUS_2 1
#else
#define DKMS_SDBUS_2 0
#endif

namespace dkms::bus {

#if DKMS_SDBUS_2
using sdbus::InterfaceName;
using sdbus::MethodName;
using sdbus::PropertyName;
using sdbus::ServiceName;
using sdbus::SignalName;
using ErrorName = sdbus::Error::Name;
#else
using InterfaceName = std::string;
using MethodName = std::string;
using PropertyName = std::string;
using ServiceName = std::string;
using SignalName = std::string;
using ErrorName = std::string;
#endif

/// What an object does: a function for each method and each property of one interface. They may throw nothing but
/// sdbus::Error: with sdbus-c++ 1.2 anything else ends the process (see daemon/bus_guard.h).
struct Handlers {
    std::map<std::string, std::function<void(sdbus::MethodCall)>> methods;
    std::map<std::string, std::function<void(sdbus::PropertyGetReply&)>> getters;
};

/// Offers `interface` on `object` with the members of dbus/members.h. Throws Error Internal when a method or property
/// of the table has no handler, or a handler is not in the table.
void export_interface(sdbus::IObject& object, const char* interface, Handlers handlers);

/// Calls `received` for every message that matches `rule`, while the slot lives.
[[nodiscard]] sdbus::Slot add_match(sdbus::IConnection& connection, const std::string& rule,
                                    std::function<void(sdbus::Message&)> received);

/// Calls a method and does not wait: `answered` is called from the connection's loop with the reply, or with nullptr
/// and the name of an error; not at all when the proxy ends before. It may throw nothing but sdbus::Error. Throws
/// sdbus::Error when the connection is closed.
using Answered = std::function<void(sdbus::MethodReply* reply, const std::string& error)>;
void call_later(sdbus::IProxy& proxy, const sdbus::MethodCall& call, Answered answered);

/// A message that is never sent: for values that go into another one.
sdbus::MethodCall new_body(sdbus::IConnection& connection);

/// A call that has arrived and is answered later, or never. Throws nothing when it is answered: when the connection is
/// closed there is no one to answer.
class HeldCall {
public:
    explicit HeldCall(sd_bus_message* message);
    explicit HeldCall(const sdbus::MethodCall& call);

    std::string sender() const;
    /// `body`: all values of the answer, in their order, in a message that new_body() has made.
    void answer(sdbus::MethodCall body) const;
    void fail(const sdbus::Error& error) const;

private:
    std::shared_ptr<sd_bus_message> message_;
};

/// A call that has arrived and that no object has seen yet.
class IncomingCall {
public:
    explicit IncomingCall(sd_bus_message* message) : message_(message) {}

    std::string_view interface() const; ///< empty when the caller named none
    std::string_view member() const;
    std::string_view path() const;
    std::string_view sender() const;
    bool wants_reply() const;
    /// Its arguments when these are `count` texts of up to `longest` bytes each; nothing otherwise.
    std::optional<std::vector<std::string>> texts(std::size_t count, std::size_t longest) const;
    HeldCall hold() const { return HeldCall(message_); }

private:
    sd_bus_message* message_;
};

/// Shows every call to `takes` before any object sees it, while it lives. When `takes` returns true, no object does;
/// whether the call is answered is then its business. What it throws becomes the answer: see current_error().
class CallFilter {
public:
    CallFilter(sdbus::IConnection& connection, std::function<bool(const IncomingCall&)> takes);
    ~CallFilter();
    CallFilter(const CallFilter&) = delete;
    CallFilter& operator=(const CallFilter&) = delete;

private:
    int answer(const IncomingCall& call) const noexcept;

    std::function<bool(const IncomingCall&)> takes_;
    sd_bus_slot* slot_ = nullptr;
};

/// Drives a connection from an sd-event loop, behind everything else that the loop has to do: no more than a bounded
/// number of messages a turn, and none while the bus does not read what was written to it. `gone` is called once, from
/// the loop, when the bus has closed the connection; it must not end the pump. Both must outlive it.
class Pump {
public:
    Pump(sd_event* loop, sdbus::IConnection& connection, std::function<void()> gone);
    ~Pump();
    Pump(const Pump&) = delete;
    Pump& operator=(const Pump&) = delete;

private:
    class Implementation;
    std::unique_ptr<Implementation> self_;
};

/// Where the bus stands among the sources of an sd-event loop: behind signals, timers and children, which have 0.
inline constexpr std::int64_t priority_of_bus = 10;

/// Handles everything that has arrived, also what arrives meanwhile. For those whom only a service sends to. Returns
/// whether there was anything. Throws sdbus::Error when the connection is closed.
bool handle_pending(sdbus::IConnection& connection);

/// Handles what the library has read already, and nothing more: after a call, what arrived before its answer. Throws
/// sdbus::Error when the connection is closed.
void handle_received(sdbus::IConnection& connection);

/// Writes out what is still to be written, for at most `limit`; what the bus has not taken then is dropped, and the
/// connection closed. Without it the end of a connection waits for the bus, however long.
void write_out(sdbus::IConnection& connection, std::chrono::milliseconds limit) noexcept;

/// Waits until something has arrived on the connection or `other` (-1: none) is readable, at most `milliseconds` (-1:
/// for ever). Returns whether `other` is readable. Throws sdbus::Error when the connection is closed.
bool wait_for_message(sdbus::IConnection& connection, int other, int milliseconds);

/// Who sent a call, as the bus vouches for it.
struct Sender {
    std::string name; ///< unique name
    uid_t uid;
    pid_t pid; ///< 0: not known
};

/// Type of what the variant that is next in `message` holds; empty if no variant is next.
std::string next_variant(const sdbus::Message& message);

/// The text that is next in `message`. Throws Error InvalidArgs when no text is next or it is longer than `longest`;
/// nothing has been copied then.
std::string read_text(sdbus::Message& message, std::size_t longest);

/// Whether the container that was entered last has no further element.
bool at_end(const sdbus::Message& message);

/// The descriptor that is next in `message`; close-on-exec, which the library's own is not.
Descriptor read_descriptor(sdbus::Message& message);

} // namespace dkms::bus
