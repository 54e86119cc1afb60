// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// A module that is about to be installed.
struct Candidate {
    std::string file;            ///< its name in module/: "foo.ko.xz"
    std::filesystem::path shown; ///< where it lies in the DKMS tree, for people
    std::filesystem::path path;  ///< what will be seen in the install tree: our copy, or what a link will lead to
};

/// Throws Error VerifyFailed unless `built`, a module in the DKMS tree, is a regular file of plausible size: before it
/// is copied.
void require_module_file(const Work& work, const std::filesystem::path& built);

/// Looks whether the step's kernel will take these modules, whatever way they came into the tree. Each is opened once,
/// as a regular file, and read in a process without privileges:
///
/// - it is an ELF module for the kernel's machine. Nothing overrides this: no kernel ever loads another.
/// - vermagic and versions of symbols are the kernel's (Verifier);
/// - it is compressed in a way that the kernel or kmod reads;
/// - the symbols that it uses are exported by the kernel, by the package itself, by what is installed, or by another
///   module of the tree. A dependency that is not there yet excuses a symbol, with a warning;
/// - it is what the record of its build says;
/// - its signature is good, and there is one where the kernel loads only signed modules.
///
/// Throws Error VerifyFailed or BuildChanged. With `force`, what can be overridden is a warning that says so.
void check_modules(const Work& work, const std::vector<Candidate>& modules, bool force);

} // namespace dkms
