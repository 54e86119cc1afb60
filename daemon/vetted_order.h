// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/start_worker.h"

#include <sys/types.h>

namespace dkms {

/// The order that a unit carries out when `order` arrives: its names, kernels and options have been checked
/// as if they came from a client, it names no files, its places are `places`, its settings those of every service, and
/// what is to be loaded is root's alone and the lock lies beside it, unless `sender`, the user who sent it, is root.
/// Throws Error InvalidName, InvalidArgs, AccessDenied: without the lock; NotSupported: it is not root's; ReadFailed.
WorkOrder vetted(const WorkOrder& order, const WorkerGifts& gifts, const Places& places, uid_t sender);

} // namespace dkms
