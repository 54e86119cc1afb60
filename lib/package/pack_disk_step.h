// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

namespace dkms {

std::unique_ptr<Action> make_pack_disk_step(Work& work);

} // namespace dkms
