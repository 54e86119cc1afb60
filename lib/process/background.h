// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace dkms {

/// From here on this process, and what it starts, yields processors and disks to others: nice 10, unless it is nicer
/// already, and the last of the best-effort classes (ionice -c 2 -n 7). Where that is not allowed nothing happens.
void yield_to_others();

} // namespace dkms
