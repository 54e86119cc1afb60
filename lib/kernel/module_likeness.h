// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>

namespace dkms {

/// How much two module files have in common.
enum class Likeness {
    same,      ///< the same bytes, apart from compression and an appended signature
    same_code, ///< the same sections that a kernel loads: one of them was stripped, or is no longer signed
    other,     ///< different modules, or one of them is not a module
};

/// Compares the module `installed` with the module `built`. A file that is signed and one that is not are only `same`
/// if `built` is the one without a signature: a kernel that takes only signed modules makes a difference otherwise.
/// Both are uncompressed and read in a process without privileges. A file that cannot be opened or uncompressed is
/// `other`.
Likeness likeness_of(const std::filesystem::path& built, const std::filesystem::path& installed);

} // namespace dkms
