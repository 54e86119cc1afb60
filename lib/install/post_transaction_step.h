// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Runs the command that framework.conf names as post_transaction, a line for a shell, after modules of a kernel have
/// changed. Its output goes to <tree>/post_transaction.log, written anew each time, in the form of make.log: the date,
/// the command, what it said, its exit code and the time it took. A command that fails is a warning.
std::unique_ptr<Action> make_post_transaction_step(Work& work);

} // namespace dkms
