// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// A command of a shell line.
struct ShellCommand {
    std::vector<std::string> words; ///< without quotation marks; $name, $(…), ${…} and `…` as they are written
    bool writes = false;            ///< its output goes into a file
};

/// The commands of a line, in their order, whatever joins them: ; & | && || ( ) and newlines. A rough reading that runs
/// nothing and never fails; words of the shell's own (if, then, {) are words like others.
std::vector<ShellCommand> shell_commands(std::string_view text);

} // namespace dkms
