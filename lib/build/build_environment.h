// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/build_commands.h"
#include "lib/build/build_inputs.h"

namespace dkms {

/// The environment of make and of the scripts of a build: a clean one, the variables that a dkms.conf knows by the same
/// names (kernelver, arch, module, module_version, kernel_source_dir, the trees), the toolchain's, and what the
/// administrator's build_environment file exports. Nothing of the caller's. `sandboxed`: HOME is the sandbox's own.
Environment build_environment(const Work& work, const BuildInputs& inputs, bool sandboxed);

/// The variables that `file`, a shell script, exports or changes. It is run by bash, in a sandbox.
/// Throws Error ConfInvalid when bash ends with an error, ConfMissing when there is no such file.
Environment exported_by(const std::filesystem::path& file, const Environment& base,
                        Cancellation* cancellation = nullptr);

} // namespace dkms
