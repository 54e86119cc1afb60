// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/verb.h"

namespace dkms {

/// From here on this process, a worker, ends some time after its parent, whatever it is blocked in, with its process
/// group: it holds the lock of the tree. Before that it hears of it by `parent`, a descriptor whose end of file says
/// the same, and puts in order what it was doing: ten seconds for a step that can be done again, five minutes for one
/// that changes what is installed.
void end_with_parent(int parent, StepKind step);

} // namespace dkms
