// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace dkms::legacy {

/// What is wrong with a command line of `dkms`, in the words and with the exit code that its callers know
/// (docs/dkms.8). Thrown while the words are understood and checked, caught in dkms_main().
struct Fault {
    int exit_code;
    std::string text;        ///< lines behind "Error! ", without a newline at the end
    bool with_usage = false; ///< the usage follows on standard output
};

} // namespace dkms::legacy
