// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Takes a version out of the tree when nothing of it is built any more: <tree>/M/V is renamed away and then deleted,
/// and <tree>/M with it when nothing else is left. While builds are left nothing happens, and the step is done. The
/// source itself is never touched. A version that was added in the package transaction that the options name is left
/// as it is (remove-cancelled). Errors: NoSuchModule, TreeNotWritable.
std::unique_ptr<Action> make_remove_step(Work& work);

} // namespace dkms
