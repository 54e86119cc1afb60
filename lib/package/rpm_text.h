// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"

#include <map>
#include <string>
#include <string_view>

namespace dkms {

/// `text` with each @KEY@ replaced by its value; words of which `values` has none stay. Values are not looked into.
std::string filled(std::string_view text, const std::map<std::string, std::string>& values);

/// Throws Error PackagingFailed (`product` is what is made, `what` what it is of an RPM) if `text` holds anything but
/// letters, digits and ". _ + ~ ^ -", or begins with one of these. What has passed means nothing to a spec or a shell.
void check_for_rpm(const std::string& text, const std::string& what, const std::string& product);

/// A module's version as the version of an RPM: "1.0-rc1" is "1.0~rc1", which is older than 1.0, as it is meant. Throws
/// Error PackagingFailed (`product` is what is made) for a name or a version with characters that RPM does not allow.
std::string rpm_version(const ModuleId& module, const std::string& product);

/// `text` as it can stand behind a comparison in a dependency: characters that cannot, and every '-' after the first,
/// become '_'. RPM takes no notice of what kind separators are when it compares.
std::string rpm_dependency_version(std::string_view text);

/// A kernel's release as a part of an RPM's release: '-' and what is not allowed become '_', and the architecture at
/// its end, which the RPM has as well, is left out.
std::string rpm_release_part(const KernelId& kernel);

/// The architecture of an RPM for modules of a machine (uname -m).
std::string rpm_architecture(const std::string& arch);

} // namespace dkms
