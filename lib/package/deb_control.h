// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"

#include <cstdint>
#include <ctime>
#include <string>

namespace dkms {

/// What the control file of a Debian binary package says, deb-control(5). Texts are single lines.
struct DebPackage {
    std::string name;
    std::string version;
    std::string architecture;
    std::string source; ///< name of the source package; empty: the same
    std::string depends;
    std::string provides;
    std::string summary;
    std::string description;
};

/// The package that brings a module to DKMS, for this architecture ("all": every one).
DebPackage dkms_package(const ModuleId& module, const std::string& architecture);
/// The package of modules that are built for one kernel.
DebPackage modules_package(const ModuleId& module, const KernelId& kernel);

/// The file "control" of a binary package. `installed` is the size of its files in KiB.
std::string binary_control(const DebPackage& package, std::uint64_t installed);
/// The file "debian/control" of a source package that makes this one.
std::string source_control(const DebPackage& package);

/// The file "changelog" with the one entry for this version, and "copyright", which sends the reader to the source in
/// `source`.
std::string changelog(const DebPackage& package, std::time_t time);
std::string copyright(const ModuleId& module, const std::string& source);
/// "Thu, 01 Jan 1970 00:00:00 +0000"
std::string date_text(std::time_t time);
/// Who is named as maintainer of packages that are made here: there has to be somebody.
std::string deb_maintainer();

/// Maintainer scripts, deb-postinst(5) and deb-prerm(5). Those of a package that brings a module to DKMS:
/// common.postinst adds, builds and installs it for the kernels that are there; what is taken away leaves the tree.
std::string dkms_postinst(const ModuleId& module);
std::string dkms_prerm(const ModuleId& module);
/// Those of a package of modules: depmod(8) learns of what has come and gone.
std::string modules_postinst(const KernelId& kernel);
std::string modules_postrm(const KernelId& kernel);
/// Refuses to be unpacked under any other kernel: for a package that an installer loads modules from.
std::string running_kernel_preinst(const KernelId& kernel);

} // namespace dkms
