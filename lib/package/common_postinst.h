// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string_view>

namespace dkms {

/// The script that a module's package calls when its files are in place (systemd/hooks/common.postinst), as this
/// program came with it. Packages bring it for systems whose DKMS has none.
std::string_view common_postinst();

} // namespace dkms
