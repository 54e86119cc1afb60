// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/child.h"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <optional>
#include <string_view>

namespace dkms {

/// Commands of modules, of the administrator and of the system that may do anything: POST_INSTALL, what makes an
/// initramfs. They run as our children, or, where this process has been given few rights, in a unit that has more:
/// then the environment variable DKMS_SCRIPT_UNIT names the socket that starts it (docs/hardening.md).
///
/// As run(): of the command, argv, environment, directory, input, output, error and die_with_parent count.
ExitStatus run_wide(const Command& command, Cancellation* cancellation = nullptr);
/// As run_heard().
ExitStatus run_wide_heard(Command command, const std::function<void(std::string_view)>& heard,
                          Cancellation* cancellation = nullptr);

/// One of these that is being run. Ending the object ends it, unless it does not die with its parent.
class WideChild {
public:
    /// Throws Error SystemFailed: it cannot be started.
    static WideChild start(const Command& command);
    /// Waits for the end.
    ExitStatus wait();

private:
    explicit WideChild(Child child) : child_(std::move(child)) {}
    explicit WideChild(Descriptor unit) : unit_(std::move(unit)) {}
    std::optional<Child> child_; ///< one of ours
    Descriptor unit_;            ///< or the connection to the unit that runs it
};

// What is said to that unit over its socket, one JSON object a message:
//   {"command":1,"argv":[…],"environment":[…],"directory":D,"die_with_parent":B,"background":B},
//     input, output and error beside it
//   {"stop":true}                            end it; so does the end of the connection, if it dies with its parent
// and by the unit:
//   {"refused":ERROR}                        it cannot be started
//   {"ended":{"code":C,"signal":S}}
nlohmann::json to_json(const Command& command);
/// Throws Error Internal: of another version.
Command command_from_json(const nlohmann::json& value);

} // namespace dkms
