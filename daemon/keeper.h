// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/unit_protocol.h"
#include "lib/process/descriptor.h"

#include <functional>

namespace dkms {

/// The first process of a unit: does what is said on the connection that started it, as far as it is for a unit of this
/// kind, and ends. Whoever speaks may be a dkmsd that has been taken over: nothing is believed but what a check has
/// passed (vetted()), and trees are those of this system's own configuration.
///
/// A step runs in a child, which this keeps, stops and clears up after; `step` is what a worker does there, as it finds
/// it in its descriptors. Returns the exit code of the unit. Throws Error Internal.
int keep(UnitKind kind, Descriptor connection, const std::function<int()>& step);

} // namespace dkms
