// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/build_inputs.h"
#include "lib/tree/fingerprint.h"

#include <vector>

namespace dkms {

/// The files whose change makes a build stale, as paths of this system, sizes and digests not filled in: of the headers
/// Module.symvers, auto.conf and utsrelease.h; the compiler's program; dkms.conf and every override that there is or
/// could be; the patches that are meant for the kernel; and the symbols of each dependency (BUILD_DEPENDS) in whichever
/// version is installed. The source is not among them: a new source is a new version.
std::vector<InputFile> input_files(const Work& work, const BuildInputs& inputs);

} // namespace dkms
