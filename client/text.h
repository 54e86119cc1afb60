// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dkms {

/// The text with everything a terminal could obey (control characters, also the two-byte ones of U+0080…U+009F)
/// replaced by '?', tabs and newlines by blanks. Compiler output and names from disk go through this before a person
/// sees them.
std::string printable(std::string_view text);

/// How many columns the text takes: its characters in UTF-8; double-width ones count once.
std::size_t columns_of(std::string_view text);

/// The text cut to at most `columns`, with an ellipsis at the end when something is missing.
std::string elided(std::string_view text, std::size_t columns);

/// The text with blanks behind it, up to `columns`.
std::string padded(std::string_view text, std::size_t columns);

/// "13.1 s", from a minute on "2 min 05 s".
std::string seconds_text(double seconds);

/// "0:08", "12:30", "1:00:00": how long something has been running.
std::string elapsed_text(double seconds);

/// "812 bytes", "12.3 KiB", "1.0 MiB".
std::string size_text(std::uint64_t bytes);

/// "1 module", "23 modules".
std::string count_text(std::size_t count, std::string_view thing);

/// The release; with its architecture only where that is not the running one.
std::string kernel_text(const KernelId& kernel);

} // namespace dkms
