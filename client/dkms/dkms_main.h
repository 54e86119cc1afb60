// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <span>

namespace dkms::legacy {

/// The program under its name `dkms`: accepts what dkms 3.x accepts, says what it says and ends as it ends. `words`:
/// behind the program's name. Where it does better on purpose is in docs/differences.md. Returns the exit code.
int dkms_main(const char* program, std::span<const char* const> words);

} // namespace dkms::legacy
