// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/deb_control.h"
#include "lib/package/draft_directory.h"
#include "lib/package/pack_content.h"
#include "lib/package/payload_tree.h"

#include <string>

namespace dkms {

/// How the members of a package are compressed.
enum class DebCompression {
    xz,
    gzip, ///< the Debian installer reads the control member of no other
};

/// Makes PACKAGE_VERSION_ARCH.deb of `tree`, which lies in the input of `draft`, with its maintainer scripts in DEBIAN;
/// adds control and md5sums to these. Everything in it belongs to root and has the time of `time`. Throws Error
/// ToolMissing, PackagingFailed, DiskFull, Cancelled.
Product build_deb(DraftDirectory& draft, PayloadTree& tree, const DebPackage& package, std::time_t time,
                  DebCompression compression);

/// The package that brings a module to DKMS:
///     /usr/src/M-V/                                 the source, unless the request has binaries_only
///     /usr/share/M-dkms/M-V.dkms.tar.gz             the builds, if there are any (module_archive.h)
///     /usr/share/M-dkms/postinst                    common.postinst, unless the request has no_postinst
///     /usr/share/M-dkms/dkms_manifest.json
/// It is for the architecture of its builds, "all" if these are for none or for several. The draft is for this
/// package alone. Throws as build_deb.
Product build_dkms_deb(DraftDirectory& draft, const PackContent& content, const Work& work);

/// Whom a package of modules is for.
enum class ModulesDeb {
    for_machine,    ///< dpkg, once
    for_installer,  ///< the Debian installer, which takes it from a driver disk
    for_old_ubuntu, ///< Ubuntu's of old: revision 1, to be unpacked under its own kernel only
};

/// The package of the modules of one build, as /lib/modules/K/updates/dkms/FILE. The draft is for this package
/// alone. Throws as build_deb, and Error VerifyFailed.
Product build_modules_deb(DraftDirectory& draft, const PackContent& content, const KernelId& kernel, const Work& work,
                          ModulesDeb kind);

/// What is not a package's own, but lies in a directory of a source package or of a package: everything but the source.
/// `directory` is "" or ends in '/'.
void put_companions(PayloadTree& tree, const std::string& directory, const PackContent& content, const Work& work);

/// The architecture of a package that brings a module with these builds.
std::string architecture_of(const PackContent& content);

} // namespace dkms
