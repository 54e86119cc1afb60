// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/kernel/kernel_config.h"
#include "lib/model/ids.h"
#include "lib/model/places.h"
#include "lib/process/cancel.h"

#include <filesystem>
#include <string>
#include <string_view>

namespace dkms {

/// How a kernel's modules are compressed.
enum class Compression { none, gzip, xz, zstd };

/// ".gz", ".xz", ".zst", or nothing.
std::string_view suffix_of(Compression compression);

/// What the modules below <install tree>/<release> are compressed with: where kinds are mixed zstd wins over xz over
/// gzip. Modules that DKMS itself installed (below updates, extra, weak-updates) count only where there are no others.
Compression compression_of(const KernelId& kernel, const Places& places);

/// Whether modules that are compressed like this can be loaded into `kernel`: by the kernel itself, as `config` says,
/// by the kmod that is installed, or because the kernel's own modules are compressed like this. What is not known, as
/// of the kmod of another root, counts as yes. May start a program.
bool can_be_loaded(Compression compression, const KernelId& kernel, const KernelConfig& config, const Places& places);

/// Replaces `file` by its compressed form and returns that one's path. `options` are further words for the tool (gzip,
/// xz, zstd), as framework.conf has them; the kernel reads xz only with --check=crc32. With Compression::none nothing
/// is done. Throws Error SystemFailed when the tool is missing or fails, DiskFull, Cancelled.
std::filesystem::path compress_file(const std::filesystem::path& file, Compression compression,
                                    const std::string& options, Cancellation* cancellation = nullptr);

} // namespace dkms
