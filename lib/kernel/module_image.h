// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/kernel/compression.h"
#include "lib/process/descriptor.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace dkms {

/// What the first bytes of a file say it is compressed with; only what kernels and kmod know.
Compression compression_of_content(std::string_view head);

/// Opens a file that may be a module: a regular file that is not empty and not larger than any module can be. A link
/// is followed, since trees may be reached through links; where it must not be one, open it with open_module_at. Throws
/// Error VerifyFailed (parameters file, reason); ReadFailed for what exists and cannot be read.
Descriptor open_module(const std::filesystem::path& file);

/// The same for a name in an open directory, and a link is refused.
Descriptor open_module_at(int directory, const std::string& name);

/// The uncompressed bytes of a module file, as an open file of its own: kept in memory, gone with the object.
class ModuleImage {
public:
    /// Uncompresses in a process without privileges. Throws Error VerifyFailed (parameters file, reason): as
    /// open_module; broken, or larger than 1 GiB when unpacked.
    static ModuleImage open(const std::filesystem::path& file);
    /// The same for a module that is open, called `name`.
    static ModuleImage of(int packed, const std::filesystem::path& name);

    std::string content() const;

private:
    explicit ModuleImage(Descriptor memory) : memory_(std::move(memory)) {}
    Descriptor memory_;
};

/// What no module is larger than, compressed or not: 1 GiB.
inline constexpr std::uintmax_t largest_module = std::uintmax_t{1} << 30;

/// Uncompresses the module that is open as `packed`, called `name`, into `memory`, in this process. Throws Error
/// VerifyFailed, also when it would be larger than `limit`.
void unpack_module(int packed, int memory, const std::filesystem::path& name, std::uintmax_t limit = largest_module);

} // namespace dkms
