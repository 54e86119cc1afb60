// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

#include <memory>

namespace dkms {

/// Takes the built modules of M/V for K/A out of the tree, with the note of a build that failed. It does not uninstall:
/// a plan does that first. A module that is not built ends as skipped. Throws Error: NoSuchModule, TreeNotWritable.
std::unique_ptr<Action> make_unbuild_step(Work& work);

} // namespace dkms
