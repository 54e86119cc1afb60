// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/install/transaction.h"
#include "lib/process/work.h"
#include "lib/tree/install_history.h"

namespace dkms {

/// The history of the step's module and kernel with what the step does: installs its version in place of `replaced`
/// (empty: none was installed), or uninstalls it. Makes room for it on disk. Throws Error ReadFailed, TreeNotWritable,
/// DiskFull.
InstallHistory history_after_install(const Work& work, const std::string& replaced);
InstallHistory history_after_uninstall(const Work& work);

/// Plans to write it, so that it is seen together with what it tells of.
void put_history(Transaction& transaction, const Work& work, const InstallHistory& history);

/// Whether an install of the step is a choice of the caller's that its history has not noted as the present one.
bool is_new_choice(const Work& work);

} // namespace dkms
