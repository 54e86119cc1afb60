// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/usage.h"

namespace dkms {

/// What this process and its children that have ended took of the machine (getrusage(2)); the memory is that of the
/// largest of them.
Usage own_usage();

/// Bytes of memory that this machine has.
std::uint64_t machine_memory();

} // namespace dkms
