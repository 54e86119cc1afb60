// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "dbus/sdbus_compat.h"
#include "lib/model/error.h"
#include "lib/model/job.h"
#include "lib/model/request.h"
#include "lib/model/state.h"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <vector>

/// The one conversion between the project's values and messages. A dictionary on the bus (a{sv}) is what a JSON object
/// is elsewhere: the same keys; texts are s, truth values b, whole numbers t (negative ones x), others d, lists as or
/// aa{sv}, objects a{sv}. What is null is left out.
namespace dkms::bus {

/// What is read of a call; more is refused while it is read.
inline constexpr std::size_t most_kernels_of_a_request = 256;
inline constexpr std::size_t longest_text_of_a_call = 4096;
inline constexpr std::size_t most_of_a_call = std::size_t{64} * 1024; ///< bytes of all texts, and 16 for each value

/// Writes a JSON object as a{sv}. Bytes that are not UTF-8, which the bus refuses, are replaced.
void write_dictionary(sdbus::Message& message, const nlohmann::json& object);
/// Reads an a{sv}. Throws Error InvalidArgs for types other than those above.
nlohmann::json read_dictionary(sdbus::Message& message);

/// Writes and reads a list of JSON objects as aa{sv}.
void write_dictionaries(sdbus::Message& message, const nlohmann::json& list);
nlohmann::json read_dictionaries(sdbus::Message& message);

/// The arguments of a method that makes a job, in the order of dbus/members.h. `handle`: the descriptor that lies
/// beside the request, if it has one. `background`: the caller does not wait; it travels among the options.
void write_request(sdbus::MethodCall& call, const Request& request, int handle = -1, bool background = false);
struct ReceivedRequest {
    Request request;
    Descriptor handle;
    bool background = false;
};
/// The other way; `with_handle`: the method takes a descriptor. Throws Error: what request_from_json throws;
/// InvalidArgs for options that name files of the caller's, and for a text that is too long; LimitsExceeded for more
/// than a call may hold.
ReceivedRequest read_request(sdbus::MethodCall& call, Verb verb, bool with_handle);
/// "KernelPrerm" for Verb::kernel_prerm; where a descriptor may lie beside the request, "PackTo" with one.
std::string method_of(Verb verb, bool with_handle);

/// An options dictionary of which no key is known yet. Throws Error InvalidArgs unless it is empty; LimitsExceeded.
void read_no_options(sdbus::MethodCall& call);

/// Throws Error InvalidArgs, LimitsExceeded.
StatusFilter read_filter(sdbus::MethodCall& call);
/// Modules as aa{sv}. `modules`: a list of what to_json(ModuleStatus) gives.
void write_modules(sdbus::Message& message, const nlohmann::json& modules);
std::vector<ModuleStatus> read_modules(sdbus::Message& message);

/// An error as it travels: its name on the bus; sentence and hint, on a line each. There is no room for its parameters:
/// GLib takes an error with further arguments for one without a text. Who wants them asks for them (GetError).
sdbus::Error to_bus(const Error& error);
/// What GetError answers: the keys error, parameters and hint of to_json(Error), in UTF-8.
nlohmann::json facts_of(const Error& error);
/// The error that was sent. Where its facts are not known (null), since the bus or an older dkmsd has sent it, its code
/// and what it says.
Error from_bus(const sdbus::Error& error);
Error from_bus(const sdbus::Error& error, nlohmann::json facts);

/// The exception that is being handled, as what a caller hears: a dkms::Error; everything else as what from_bus() makes
/// of it, or Internal.
Error current_error();

} // namespace dkms::bus
