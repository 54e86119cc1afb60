// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/colour.h"

#include <array>

namespace dkms {

std::string coloured(const std::string& text, Colour colour, const Look& look)
{
    constexpr std::array begin{"\033[1;31m", "\033[32m", "\033[33m"};
    return look.colour ? begin.at(static_cast<std::size_t>(colour)) + text + "\033[m" : text;
}

} // namespace dkms
