// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/tree/layout.h"

#include <string>

namespace dkms {

/// Notes that `module` was added in a package transaction (Options::transaction): <tree>/.dkmsd/transactions/M/V. RPM
/// runs the new package's scripts before the old one's, so that removing the old one would take away what the new one
/// has just added. Notes of transactions that are over are deleted. Throws Error TreeNotWritable, DiskFull.
void mark_transaction(const Layout& layout, const ModuleId& module, const std::string& transaction);

/// Whether `module` was added in that transaction.
bool has_transaction_mark(const Layout& layout, const ModuleId& module, const std::string& transaction);

/// Takes the note away.
void remove_transaction_mark(const Layout& layout, const ModuleId& module) noexcept;

} // namespace dkms
