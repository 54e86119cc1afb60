// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/staged_tree.h"
#include "lib/process/cancel.h"

#include <string>

namespace dkms {

/// Copies everything below an open directory, whoever may be changing it meanwhile: files with their content, time and
/// whether they may be executed, links as they are; sockets, pipes and devices are left out. `name` is the directory's,
/// for errors. Throws Error: SourceUnreadable, TreeNotWritable, DiskFull, Cancelled.
void copy_source(int directory, const std::string& name, StagedTree& into, Cancellation& cancellation);

} // namespace dkms
