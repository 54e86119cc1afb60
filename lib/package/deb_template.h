// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/draft_directory.h"
#include "lib/package/pack_content.h"

#include <string>

namespace dkms {

/// A directory `debian` and what belongs to it, of which somebody wants a Debian package made instead of ours.
struct DebTemplate {
    Descriptor directory; ///< not valid: there is none
    std::string name;     ///< where it lies, for people
};

/// The template for a format: M-dkms-mkdeb/, M-dkms-mkdsc/ or M-dkms-mkbmdeb/ in the source, else template-dkms-mkdeb/
/// … in the configuration directory. A template for mkdeb is one for mkdsc, too.
/// Throws Error ReadFailed.
DebTemplate find_deb_template(const PackContent& content, const Work& work);

/// Runs dpkg-buildpackage(1) in a copy of the template that it can change, beside which lie the source (M-V/), the
/// builds (M-V.dkms.tar.gz) and common.postinst. These words are replaced in the files of debian/: DEBIAN_PACKAGE,
/// DEBIAN_BUILD_ARCH, KERNEL_VERSION, MODULE_NAME, MODULE_VERSION, DATE_STAMP. Makes a source package for
/// PackFormat::dsc, else binary ones, for `kernel` if it is not empty (KVER and KARCH in the environment). The
/// template is foreign code: the draft is for this run alone. Returns the files that have appeared beside the copy.
/// Throws Error ToolMissing, PackagingFailed, ResultRefused, DiskFull, Cancelled.
Products build_from_template(DraftDirectory& draft, const DebTemplate& from, const PackContent& content,
                             const KernelId& kernel, const Work& work);

} // namespace dkms
