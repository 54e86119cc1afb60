// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <sys/types.h>

namespace dkms {

/// A descriptor that becomes readable when a child of ours has ended, whether it has been waited for or not:
/// pidfd_open(2), or where the kernel has none or a filter refuses it, a thread that waits. Throws Error Internal:
/// there is neither.
Descriptor end_of_child(pid_t child);

/// Whether a process, not necessarily a child of ours, has ended; waits for that for some time at most.
bool ends_within(pid_t process, unsigned milliseconds);

} // namespace dkms
