// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace dkms {

/// Number of a job, as the bus shows it. Counts from 1; never given out twice by one service.
using JobId = std::uint64_t;

/// Number of a step within one running instance.
using StepId = std::uint64_t;

/// A module package and its version: PACKAGE_NAME and PACKAGE_VERSION of dkms.conf(5).
/// Both may contain '-', so the pair is never written with a dash and split again; the text form is "name/version".
struct ModuleId {
    std::string name;
    std::string version; ///< empty where a request means every version

    auto operator<=>(const ModuleId&) const = default;
    std::string text() const;
};

/// A kernel release (`uname -r`) and the machine architecture its modules are built for (`uname -m`).
struct KernelId {
    std::string release;
    std::string arch;

    auto operator<=>(const KernelId&) const = default;
    std::string text() const; ///< "release/arch", or "release" when the architecture is not given
};

/// Reads "release" or "release/arch", split at the first '/'. Throws Error InvalidName.
KernelId parse_kernel(std::string_view text);

/// Throws Error InvalidName unless `name` can be a directory of the DKMS tree: not empty, at most 200 bytes of valid
/// UTF-8, no '/', no control character or blank, not "." or "..", no leading '-' or '.', not of the form "kernel-*".
void check_module_name(std::string_view name);

/// The same for a module's version. A version may begin with a letter; an empty one is refused.
void check_module_version(std::string_view version);

/// The same for a kernel release or an architecture.
void check_kernel_release(std::string_view release);
void check_architecture(std::string_view arch);

/// Checks both parts. Throws Error InvalidName.
void check(const ModuleId& module);
void check(const KernelId& kernel);

/// The order of versions everywhere in DKMS: each number is padded with zeros to three digits, then the texts are
/// compared byte by byte. So 2.10 > 2.9, and 1.0~rc1 > 1.0 (it is not the package managers' order).
std::strong_ordering compare_versions(std::string_view a, std::string_view b);

/// Machine architecture of the running kernel (uname(2)).
std::string running_architecture();
/// Release of the running kernel (uname(2)).
std::string running_release();

/// True when `text` is well-formed UTF-8 (RFC 3629).
bool is_utf8(std::string_view text);

} // namespace dkms
