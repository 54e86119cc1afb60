// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/draft_directory.h"
#include "lib/package/pack_content.h"
#include "lib/process/work.h"

namespace dkms {

/// Makes the RPM, and its source package, that bring the source and the builds of `content` to DKMS on other systems
/// (dkms mkrpm). The draft is for them alone.
///
/// The spec is the one that the source has (Options::spec, M-dkms-mkrpm.spec, M-dkms-rpm.spec), else that of the
/// configuration (template-dkms-mkrpm.spec, template-dkms-rpm.spec), else lib/package/specs/dkms.spec:
///
///     M-V-1dkms.noarch.rpm, M-V-1dkms.src.rpm    '-' in V becomes '~'
///     /usr/src/M-V/…                             the source, unless `binaries_only`
///     /usr/share/M/M-V.dkms.tar.gz               the builds as `dkms mktarball --binaries-only` packs them, if any
///     /usr/share/M/postinst                      common_postinst(), unless Options::no_postinst
///     /usr/share/M/V/dkms_manifest.json          manifest.h
///     Provides: modalias(…)
///
/// Specs of others get what specs for dkms mkrpm have always got: the macros module_name, version, kernel_versions,
/// mktarball_line, __find_provides, and in SOURCES the directory M-V and common.postinst. Their call of `dkms
/// mktarball` works on a copy of the module's tree, which _dkmsdir names. SOURCES is a copy, too, and may be changed.
/// rpm_version is the version as RPM takes it.
///
/// Throws Error SpecMissing, PackagingFailed also for a version that RPM does not allow, and as PackContent::modules,
/// write_module_archive, manifest_of and DraftDirectory::run do (ToolMissing: rpmbuild).
Products make_dkms_package(const Work& work, const PackContent& content, DraftDirectory& draft);

} // namespace dkms
