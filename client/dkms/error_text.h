// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"
#include "lib/model/ids.h"
#include "lib/model/verb.h"

#include <string>

namespace dkms::legacy {

/// What a request was about, for the sentences of the old program.
struct Subject {
    Verb verb = Verb::add;
    ModuleId module;
    KernelId kernel; ///< with its architecture; empty: none
};

/// Everything that the old program says on standard error about `error`, newlines included: a blank line, "Error! " and
/// its lines; for a module that is not meant for the kernel a warning instead. Errors that it did not know are told in
/// the sentences of the error table.
std::string error_text(const Error& error, const Subject& subject);

/// "\nError! <text>\n"
std::string framed(const std::string& text);

/// A text of dkmsd's that tells a reader what to do, for readers who call the program dkms: its own commands and manual
/// page in the place of dkmsctl's. What only dkmsctl can do stays.
std::string by_its_own_name(std::string text);

} // namespace dkms::legacy
