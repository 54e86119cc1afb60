// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/kernel/headers.h"

#include <functional>
#include <string>
#include <vector>

namespace dkms {

/// What a kernel's modules are compiled and linked with.
struct Toolchain {
    std::string compiler;         ///< the program: "gcc", "gcc-12", "clang"
    std::string linker;           ///< "ld", "ld.lld"
    std::string make_variables;   ///< what make has to be told, each with a blank before it: " LLVM=1"; often nothing
    bool llvm = false;            ///< the rest of the tools are LLVM's too
    std::string prefix = {};      ///< of the other tools' names, for another machine: "aarch64-linux-gnu-"
    std::string kernel_arch = {}; ///< ARCH for another machine's kernel: "arm64"; empty: make finds out

    /// The tool that strips what this makes: "strip", "llvm-strip", "aarch64-linux-gnu-strip".
    std::string strip() const;
    /// CC, KERNEL_CC, LD and KERNEL_LD for the environment of make and of the scripts, which some modules look at; for
    /// another machine ARCH and CROSS_COMPILE as well, which reach commands that cannot be completed with them.
    std::vector<std::string> environment() const;
};

/// What there is on the machine: asked instead of the system, so that a choice can be tried without installing
/// compilers.
struct InstalledPrograms {
    std::function<bool(const std::string& name)> has;
    std::function<int(const std::string& name)> major_version; ///< of a compiler; 0: unknown
};
/// Looks into the PATH that builds get.
InstalledPrograms installed_programs();

/// The compiler for modules of `kernel`: the one that its headers name in .kernelvariables (Debian), else the one it
/// was made with, as its configuration says: clang with LLVM's tools, or gcc of the same major version, where `gcc`
/// itself is good enough if it has that version or if no better one is installed. For a kernel of another machine than
/// `host` (uname -m) these are cross compilers, see cross.h. Throws Error CompilerMissing (parameters module, kernel,
/// compiler, package).
Toolchain choose_toolchain(const ModuleId& module, const KernelId& kernel, const KernelHeaders& headers,
                           const Places& places, const InstalledPrograms& programs = installed_programs(),
                           const std::string& host = running_architecture());

} // namespace dkms
