// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <filesystem>
#include <string>

namespace dkms {

/// The uncompressed bytes of a module file, whatever it is compressed with, as an open file of its own: kept in memory,
/// gone with the object.
class ModuleImage {
public:
    /// Throws Error VerifyFailed (parameters file, reason): unreadable, broken, or larger than 1 GiB when unpacked.
    static ModuleImage open(const std::filesystem::path& file);

    /// Names the open file for libraries that want a path. Valid while this object lives.
    std::filesystem::path path() const;
    std::string head() const; ///< the first bytes, at most 64
    std::string tail() const; ///< the last bytes, at most 64

private:
    explicit ModuleImage(Descriptor memory) : memory_(std::move(memory)) {}
    Descriptor memory_;
};

} // namespace dkms
