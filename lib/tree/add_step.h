// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Puts <source tree>/M-V into the tree: <tree>/M/V with an empty build/ and the link source, published by one rename.
/// What a crash or a purged package left of an earlier version directory is mended. Then POST_ADD runs; when it fails,
/// the module stays added. An implied one is skipped when the module has been added meanwhile. Errors: AlreadyAdded,
/// SourceMissing, SourceUnreadable, those of read_conf, TreeNotWritable, DiskFull, ScriptFailed.
std::unique_ptr<Action> make_add_step(Work& work);

} // namespace dkms
