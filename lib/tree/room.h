// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"
#include "lib/tree/layout.h"

#include <optional>

namespace dkms {

/// Why the tree takes nothing new, tried with a block of a file without a name: DiskFull, which also stands for a quota
/// that is used up. Nothing if it does, or if that cannot be tried. Nothing is left behind. For who has the tree's
/// lock.
std::optional<Error> shortage_of(const Layout& layout);

} // namespace dkms
