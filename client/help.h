// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/commands.h"

#include <string>

namespace dkms {

/// "Usage: dkmsctl install MODULE[/VERSION] [OPTION...]", with a newline; of dkmsctl itself for the overview's row.
std::string usage_line(const CommandRow& row);

/// All commands, with a heading and what to ask for next.
std::string general_help();

/// What a command does, and its options.
std::string command_help(const CommandRow& row);

/// Why there is no such command, a sentence without its full stop, and the one that may be meant.
struct UnknownCommand {
    std::string reason;
    std::string remedy; ///< a sentence, or empty
};
UnknownCommand unknown_command(std::string_view word);

} // namespace dkms
