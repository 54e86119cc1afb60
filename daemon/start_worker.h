// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/work_order.h"
#include "lib/process/child.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace dkms {

/// What a worker is given beside its order, as descriptors of ours; -1: nothing.
struct WorkerGifts {
    int events = -1;
    int lock = -1;
    int jobserver_read = -1;
    int jobserver_write = -1;
    int log = -1; ///< where its output goes
    int handle = -1;
};

/// A dkms-worker that has its order, as a child of this process.
struct WorkerChild {
    Descriptor order; ///< kept open: its end of file tells the worker that we are gone
    Child child;
};

/// Starts the open `program` with the descriptors that it expects and a bare environment. Throws Error Internal.
WorkerChild start_worker(int program, const WorkOrder& order, const WorkerGifts& gifts);
/// As Child::fork(): `does` finds the same descriptors, the connection to a unit that signs beside them (-1: there is
/// none), and that environment with `environment` added.
WorkerChild fork_worker(const std::function<int()>& does, const WorkOrder& order, const WorkerGifts& gifts, int signer,
                        const std::vector<std::string>& environment);

} // namespace dkms
