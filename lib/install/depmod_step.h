// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Indexes the modules of a kernel once, after several have been installed. Skipped when there is no index and when the
/// options say no_depmod. Throws Error IndexFailed: the modules are in their places, but modprobe does not find them.
std::unique_ptr<Action> make_depmod_step(Work& work);

} // namespace dkms
