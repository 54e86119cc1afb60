// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/build_commands.h"
#include "lib/build/build_inputs.h"
#include "lib/build/signer.h"
#include "lib/build/staging.h"
#include "lib/tree/record.h"

#include <vector>

namespace dkms {

/// What make has left in the build directory, on its way into the tree. Each step says what it throws; all may throw
/// Cancelled, DiskFull.
class BuiltModules {
public:
    BuiltModules(BuildCommands& commands, const BuildInputs& inputs, const Staging& staging);

    /// Throws Error ModuleNotProduced when a file is missing that the configuration promises.
    void check_all_are_there() const;
    /// Takes out the debugging information, where the configuration does not forbid it. A failure is a warning.
    void strip() const;
    /// Takes them, and Module.symvers, out of the build directory, under the names they will be installed with. Throws
    /// Error ResultRefused for what is no plain file of the build's; ModuleNotProduced.
    void take(const Gate& build) const;
    /// The same of what a POST_BUILD script has made of them, and what it has left beside them.
    void take_back(const Gate& result) const;
    /// Signs the copies. The number of those that were.
    std::size_t sign(Signer& signer, const Signing& signing) const;
    /// Compresses the copies as the kernel's own modules are.
    void compress();
    /// Reads them back as they will be installed. Throws Error VerifyFailed. Fills in the modules of the record.
    std::vector<BuildRecord::Module> verify() const;

private:
    struct File {
        ConfModule conf;
        std::filesystem::path built;  ///< below the build directory
        std::filesystem::path staged; ///< in the staging directory
    };
    Error not_produced(const File& file) const;
    void judge_size(const Gate& gate, const std::vector<std::filesystem::path>& names) const;
    void take_symbols(const Gate& gate, const std::filesystem::path& name) const;

    BuildCommands& commands_;
    const BuildInputs& inputs_;
    const Staging& staging_;
    std::vector<File> files_;
};

} // namespace dkms
