// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/build_commands.h"

#include <string>

namespace dkms {

/// Runs PRE_BUILD or POST_BUILD in the build directory. `name` is "pre_build" or "post_build", `value` what the
/// configuration says: the first word is a file of the source, the others are its arguments. A file
/// <configuration>/M/<first word> of the administrator's goes before it. When the first word is no executable file
/// nothing is run: configurations that name a system command there have never had it run, and rely on that; a warning
/// says so. On a file system that is mounted noexec, a script is handed to its interpreter. Throws Error ScriptFailed
/// or SandboxRestriction with the script's own exit code; ScriptNotExecutable for a program that noexec stops; and as
/// BuildCommands::run.
void run_build_script(BuildCommands& commands, const std::string& name, const std::string& value);

} // namespace dkms
