// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"

#include <optional>
#include <string>
#include <string_view>

namespace dkms {

/// A command that has no place in a build.
struct BadCommand {
    std::string_view rule; ///< the lint rule: "network", "needs-root", "signs-itself" or "leaves-build"
    std::string word;      ///< "curl"
    bool may_fail = false; ///< "sudo … || true"
};

/// The first command in a line of shell that needs a network, root or a key, or changes the system; comments have none.
std::optional<BadCommand> bad_command(std::string_view line);

/// The command in a line of shell that writes into the source of `module`, by the place where every machine has it:
/// "cp"; nothing if there is none.
std::optional<std::string> writes_source(std::string_view line, const ModuleId& module);

} // namespace dkms
