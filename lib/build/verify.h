// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/kernel/headers.h"
#include "lib/kernel/module_file.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace dkms {

/// CRCs of the symbols the kernel itself exports: "symbol" → CRC. Reads the text of a Module.symvers. What one of its
/// modules exports is left out: a package may bring another module in that one's place, with other versions.
std::map<std::string, std::uint64_t, std::less<>> parse_symvers(std::string_view text);

/// Looks whether what was built can be loaded into the kernel it was built for: it says so itself (vermagic), it is for
/// the right machine, and, where the kernel has CONFIG_MODVERSIONS, it wants the symbols as this kernel has them.
class Verifier {
public:
    Verifier(const KernelId& kernel, const KernelHeaders& headers);

    /// Throws Error VerifyFailed (parameters file, kernel, reason). `name` is how the file is called for people.
    void check(const ModuleFacts& facts, const std::string& name) const;

private:
    KernelId kernel_;
    std::map<std::string, std::uint64_t, std::less<>> symbols_;
};

} // namespace dkms
