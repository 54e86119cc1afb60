// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string_view>

struct archive;

namespace dkms {

/// Makes a libarchive writer compress as the suffix of the archive's name says, by the suffixes that tar(1) knows; an
/// unknown one means not at all. Nothing of the time or the machine gets into the result. Returns libarchive's result.
int set_compression(archive* writer, std::string_view name);

} // namespace dkms
