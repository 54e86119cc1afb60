// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"

#include <string>

namespace dkms {

/// A name as Debian packages may have it (deb-control(5), "Package"): in lower case, and '-' for what is not allowed.
std::string deb_name(const std::string& name);
/// A version as dpkg reads it (deb-version(7)): '.' for what is not allowed; "0+" comes before one that does not begin
/// with a digit.
std::string deb_version(const std::string& version);
/// dpkg's name of a machine (uname -m): "amd64" for x86_64; its own for one that dpkg is not known to name otherwise.
std::string deb_architecture(const std::string& arch);

/// "v4l2loopback-dkms": the package that brings a module to DKMS.
std::string dkms_package_name(const ModuleId& module);
/// "v4l2loopback-modules-6.1.0-1-amd64": the package of modules that are built for a kernel.
std::string modules_package_name(const ModuleId& module, const KernelId& kernel);

} // namespace dkms
