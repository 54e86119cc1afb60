// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dkms::bus {

/// What a caller must be allowed to do (see Authority).
enum class Action {
    look,   ///< everyone
    change, ///< make a job that changes the tree
    cancel, ///< end a job: one's own, or anybody's as a privileged user
};

enum class MemberKind { method, signal, property };

/// How changes of a property are told: never, by PropertiesChanged, or there are none.
enum class Change { silent, emitted, constant };

/// One member of an interface. Names of arguments are separated by blanks.
struct Member {
    const char* interface;
    MemberKind kind;
    const char* name;
    const char* takes;       ///< signature of a method's input, of a signal, of a property
    const char* takes_names; ///< of a method's input or a signal
    const char* gives;       ///< signature of a method's output
    const char* gives_names;
    Action needs;  ///< methods
    Change change; ///< properties
};

/// The only list of what the service offers: signature and needed action of every member. What is not in it cannot be
/// exported (export_interface), so a method without an action does not start. Agrees with org.dkms1.xml, by a test.
std::span<const Member> members();

/// The row of a method. Throws Error Internal if there is none.
const Member& method_row(std::string_view interface, std::string_view name);

/// "a b" as {"a", "b"}.
std::vector<std::string> words(std::string_view text);

/// The interfaces as introspection data, for those who want them without a bus.
std::string introspection();

} // namespace dkms::bus
