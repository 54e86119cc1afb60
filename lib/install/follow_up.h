// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/outcome.h"
#include "lib/process/work.h"

#include <vector>

namespace dkms {

/// What is to be done once at the end of a job in which modules of the step's kernel have changed: depmod, where the
/// step is part of a batch; the initramfs
/// (`initramfs`: the module asks for it), loading modules after an install for the running kernel (`installed`), and
/// the administrator's post_transaction command, as far as options, framework.conf and places say so.
std::vector<Step> follow_up_of(const Work& work, bool initramfs, bool installed);

} // namespace dkms
