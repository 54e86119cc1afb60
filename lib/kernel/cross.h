// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>

namespace dkms {

/// How kernels for another machine are compiled.
struct CrossBuild {
    std::string kernel_arch; ///< what kbuild calls the machine: ARCH=arm64
    std::string prefix;      ///< of the tools' names: "aarch64-linux-gnu-"; empty where this machine's own tools do it
    std::string package;     ///< of Debian, that brings the compiler: "gcc-aarch64-linux-gnu"
};

/// Nothing when modules for `arch` are compiled on `host` as its own (both in the words of uname -m, or Debian's), and
/// for machines that are not known: then the headers must know by themselves.
std::optional<CrossBuild> cross_build(const std::string& arch, const std::string& host);

} // namespace dkms
