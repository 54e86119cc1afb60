// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/dkms/words.h"
#include "client/progress.h"
#include "lib/model/error.h"
#include "lib/model/pack_format.h"
#include "lib/model/request.h"

#include <optional>
#include <string_view>
#include <vector>

namespace dkms::legacy {

/// What an action of the old program makes: rpm for "mkrpm" …; nothing for actions that make nothing.
std::optional<PackFormat> format_of_action(std::string_view action);

/// The options of a request that makes this, from the words: which builds, which installers. One release is for all
/// distributions; several are for one distribution each, or all for the only one.
void set_packaging(Options& options, PackFormat format, const Words& words);

/// Throws Fault (1) for words that mkdriverdisk refuses before it looks at the module.
void check_driver_disk(const Words& words);

/// The exit code of an error for a request: for those that make packages what each of these actions had for it, else
/// that of the error table.
int exit_code_for(const Error& error, const Request& request);
/// The same for jobs that have ended, see exit_code_of.
int exit_code_for(const ProgressBoard& board);

} // namespace dkms::legacy
