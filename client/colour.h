// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/console.h"

#include <string>

namespace dkms {

/// What a colour means: bad, good, doubtful.
enum class Colour { red, green, yellow };

/// The text in that colour, where the stream shows colours.
std::string coloured(const std::string& text, Colour colour, const Look& look);

} // namespace dkms
