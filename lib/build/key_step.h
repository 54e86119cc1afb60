// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Makes the key pair for signing modules where both halves of it are missing, and reports where it lies (signing). A
/// pair that is there is left as it is (skipped). Errors: KeyNotMade.
/// Where a unit signs (Signer), it is done there.
std::unique_ptr<Action> make_key_step(Work& work);

/// The same, by this process.
std::unique_ptr<Action> make_key_step_here(Work& work);

} // namespace dkms
