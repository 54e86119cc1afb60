// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/child.h"
#include "lib/process/descriptor.h"
#include "lib/process/work.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// A script directive of a dkms.conf: POST_ADD, PRE_INSTALL, POST_INSTALL, POST_REMOVE, PRE_BUILD, POST_BUILD.
struct Script {
    std::string_view name; ///< as events have it: "post_add"
    std::string value;     ///< as the directive has it: a file below the directory and its arguments, divided by blanks
};

/// How a file that is to be executed is started.
struct Starter {
    std::vector<std::string> interpreter; ///< words to put before it; empty: it is started by itself
    bool impossible = false;              ///< a program, and its file system is mounted noexec
};
/// A script without an interpreter's name is the shell's. On a file system that is mounted noexec, a script is handed
/// to its interpreter, since the kernel would not do that. A file that cannot be read starts by itself.
Starter starter_of(const Descriptor& file);

/// The program and arguments of a script: an executable /etc/dkms/M/<file> wins over <directory>/<file>. Nothing when
/// neither is an executable file; one whose file system is mounted noexec counts as such a file.
std::optional<std::vector<std::string>> find_script(const std::string& value, const std::filesystem::path& directory,
                                                    const std::filesystem::path& overrides);

/// What a script of `module` finds in its environment: base_environment() and kernelver, arch, kernel_source_dir,
/// module, module_version, dkms_tree, source_tree, install_tree. A step without a kernel gets the running one.
std::vector<std::string> script_environment(const Work& work, const ModuleId& module);

/// Runs a script of `module` in its source, with all rights that it may expect (run_wide); its output goes to ours and
/// is reported. Reports command-started and command-ended. One that is not executable is a warning, and as good as one
/// that ended with 0; one that cannot be executed since its file system is mounted noexec ends with 126, and a warning
/// says so. Nothing is run when the value is empty. With `cancellation` it is stopped when that is requested (Error
/// Cancelled).
ExitStatus run_script(const Work& work, const ModuleId& module, const Script& script, Cancellation* cancellation);

/// How a script failed, for people: "POST_INSTALL (exit code 3)".
std::string failure_of(const Script& script, const ExitStatus& status);

/// Runs a script that comes when everything is done, so that its failure takes nothing back: a warning says that it
/// failed. Returns failure_of() then, else nothing.
std::optional<std::string> run_last_script(const Work& work, const ModuleId& module, const Script& script);

} // namespace dkms
