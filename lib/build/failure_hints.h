// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/first_error.h"

#include <filesystem>
#include <string>

namespace dkms {

/// What a failed build was about, as far as it helps to say what to do.
struct FailureContext {
    std::string release;          ///< of the kernel
    std::filesystem::path source; ///< the module's source; empty: not known
};

/// What to do about a failure: sentences by its cause, such as a header of another driver, a submodule of git that was
/// not fetched, a compiler that is not the kernel's, a kernel with another interface. Empty where the cause is not
/// known, so that the error's own hint fits.
std::string failure_hint(const FailureReason& reason, const FailureContext& context);

} // namespace dkms
