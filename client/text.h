// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dkms {

/// The text with everything a terminal could obey replaced by '?': control characters, also those of U+0080…U+009F and
/// bytes that are one of these where a terminal does not expect UTF-8, and the characters that change the direction of
/// text. Tabs and ends of lines stay; a carriage return, which lets text hide what is before it, ends a line.
/// What compilers, scripts and modules say goes through this before a person sees it, or through printable().
std::string harmless(std::string_view text);

/// The same in one line: tabs and ends of lines become spaces.
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
