// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/kernel/headers.h"
#include "lib/kernel/module_file.h"
#include "lib/kernel/symvers.h"

#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// What speaks against loading a module into a kernel.
struct Objection {
    std::string reason;        ///< completes "F cannot be used with kernel K: "
    bool can_be_forced = true; ///< false: no kernel of this architecture can ever load it
};

/// The rule about which modules a kernel takes, for builds and for installations: it is for the right machine; its
/// vermagic is the kernel's, as far as the kernel's own modules or its configuration say what that is; and, where the
/// kernel has CONFIG_MODVERSIONS, it wants the kernel's own symbols in the versions that the kernel has. The versions
/// of what the kernel's modules export are not looked at: a package may bring another module in the place of one of
/// them.
class Verifier {
public:
    /// Reads Module.symvers of the headers; without headers less is known. `flags`: of the vermagic of the kernel's own
    /// modules (flags_of_kernel), where that is known. `headers` must outlive it.
    Verifier(const KernelId& kernel, const KernelHeaders& headers, std::optional<std::string> flags = std::nullopt);
    Verifier(const KernelId&, KernelHeaders&&, std::optional<std::string> = std::nullopt) = delete;

    std::vector<Objection> objections(const ModuleFacts& facts) const;

    /// Throws Error VerifyFailed (parameters file, kernel, reason) for the first of them. `name` is how the file is
    /// called for people.
    void check(const ModuleFacts& facts, const std::string& name) const;

    /// What the kernel and its modules export; empty if that is not known.
    const Symvers& symvers() const { return symvers_; }

private:
    std::optional<std::string> vermagic_fault(const ModuleFacts& facts) const;
    std::optional<std::string> version_fault(const ModuleFacts& facts) const;

    KernelId kernel_;
    const KernelConfig& config_; ///< thousands of settings
    std::optional<std::string> flags_;
    Symvers symvers_;
};

} // namespace dkms
