// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/work.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// Makes the initramfs of a kernel anew with what the system has for it (initramfs-tools, dracut or mkinitcpio), for
/// the system's own install tree only and only when there is an initramfs of that kernel. Otherwise it is skipped. A
/// failure is InstallFailed; the modules stay installed.
std::unique_ptr<Action> make_initramfs_step(Work& work);

/// The command for it; nothing when there is no initramfs to be made anew. `has_program` says whether a program of that
/// name is installed.
std::optional<std::vector<std::string>> initramfs_command(const Places& places, const std::string& release,
                                                          const std::function<bool(const std::string&)>& has_program);

} // namespace dkms
