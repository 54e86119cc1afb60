// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace dkms::legacy {

/// The package transaction this command is called from, as Options::transaction wants it: the process above the one
/// that called us, which is the package manager above the shell of a package's script. Empty where there is none.
std::string package_transaction();

} // namespace dkms::legacy
