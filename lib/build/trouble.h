// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"
#include "lib/process/work.h"
#include "lib/tree/layout.h"

#include <filesystem>

namespace dkms {

/// Leaves behind why `work`'s module is not built for its kernel: the trouble record, and `log` (if there is one) as
/// the failed build's log and as <tree>/M/V/build/make.log, where older programs look. Does what it can: there may be
/// no space left for it.
void record_trouble(const Work& work, const Error& error, const std::filesystem::path& log) noexcept;

/// Removes all that, after a build that went well.
void forget_trouble(const Work& work) noexcept;

/// The one line for a person: "build: too few arguments …", "no headers; install linux-headers-6.1.0-1-amd64".
std::string note_for(const Error& error);

} // namespace dkms
