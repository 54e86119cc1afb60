// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/makefile_outline.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dkms {

/// A call of make, taken apart.
struct MakeCall {
    std::optional<std::string> directory; ///< of -C; nothing: none is given
    std::string file;                     ///< of -f; empty: the usual ones
    std::vector<std::string> goals;
    MakefileVariables given; ///< NAME=value
    bool clear = true;       ///< whether every word is understood
};

/// Takes the words behind "make" apart, with the values of `variables`. What is not known in -C and NAME=value stays as
/// it is written.
MakeCall make_call(std::span<const std::string> words, const MakefileVariables& variables);

/// Whether a word calls make: "make", "/usr/bin/make", "$(MAKE)".
bool is_make(const std::string& word);

} // namespace dkms
