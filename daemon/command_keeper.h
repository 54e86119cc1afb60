// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

namespace dkms {

/// The first process of a unit that runs the commands of one build: what the worker of that build says over the
/// connection (lib/build/command_unit.h) is done in the sandbox that this process can make, and ends with the
/// connection. Returns the exit code.
int keep_commands(Descriptor connection);

} // namespace dkms
