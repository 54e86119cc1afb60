// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/process/work.h"
#include "lib/tree/layout.h"

#include <optional>

namespace dkms {

/// What the dkms.conf of `module` may look at for `kernel`. Of the options those count that name files.
ConfContext conf_context(const Places& places, const ModuleId& module, const KernelId& kernel,
                         const Options& options = {});

/// What the dkms.conf of `module` may look at in this step. A step without a kernel gets the running one.
ConfContext conf_context(const Work& work, const ModuleId& module);

/// The configuration of the step's module, from its source in the tree or from the file that the options name.
/// Throws Error BrokenModule when there is no source, and as read_conf.
Conf read_module_conf(const Work& work, Strictness strictness);

/// The same for any version of the tree, for taking it out again: nothing when it cannot be read.
std::optional<Conf> try_module_conf(const Work& work, const ModuleId& module);

/// Reports the deprecated directives and the warnings of a configuration.
void report_remarks(const Reporter& reporter, const Conf& conf);

} // namespace dkms
