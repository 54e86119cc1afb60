// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <string>

namespace dkms {

/// What one line of a protocol holds where the other end counts on it: an event, an error.
inline constexpr std::size_t longest_line = std::size_t{64} * 1024;

/// `value` as one line of JSON, newline included. Bytes that are not UTF-8 are replaced.
std::string protocol_line(const nlohmann::json& value);

/// `value` with as much left of its long texts and lists, at every depth, as makes its line no longer than
/// `longest_line`.
nlohmann::json shortened(nlohmann::json value);

} // namespace dkms
