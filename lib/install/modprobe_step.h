// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

/// Loads the modules of all devices that are there, for the running kernel: modprobe(8) with every modalias below /sys,
/// and systemd-modules-load once more. What cannot be loaded is a warning.
std::unique_ptr<Action> make_modprobe_step(Work& work);

} // namespace dkms
