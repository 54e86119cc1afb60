// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>

namespace dkms {

/// Whether the extended regular expression (regex(7), as in bash's =~) fits anywhere in `text`; nothing for an invalid
/// one.
std::optional<bool> expression_fits(const std::string& expression, const std::string& text);

} // namespace dkms
