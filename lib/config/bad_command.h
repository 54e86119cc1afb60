// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dkms {

/// A command that has no place in a build.
struct BadCommand {
    std::string_view rule; ///< the lint rule: "network", "needs-root" or "leaves-build"
    std::string word;      ///< "curl"
};

/// The first command in a line of shell that needs a network or changes the system; comments have none.
std::optional<BadCommand> bad_command(std::string_view line);

} // namespace dkms
