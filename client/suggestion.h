// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// The candidate that a mistyped word most likely stands for: one of which it is the beginning, or which a few letters
/// more, less, swapped or replaced would give. Empty: none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "Did you mean 'install'?", or an empty text.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

} // namespace dkms
