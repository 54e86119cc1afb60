// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>

namespace dkms {

/// The dkmsd that belongs to this client: in a build tree the one beside it, else the installed one.
std::filesystem::path daemon_program();

} // namespace dkms
