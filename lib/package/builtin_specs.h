// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string_view>

namespace dkms {

// The specs of lib/package/specs, as this program came with them. Words like @MODULE@ are to be filled in, see
// rpm_text.h.

std::string_view dkms_spec(); ///< of a package that brings a module to DKMS
/// @REGISTER@ of that: the commands that hand over to DKMS what has come. They end the script.
std::string_view dkms_spec_register();
std::string_view kmod_spec(); ///< of a package of nothing but the modules of one build
std::string_view kmp_spec();  ///< of a SUSE kernel module package

} // namespace dkms
