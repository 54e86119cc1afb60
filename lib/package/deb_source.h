// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/draft_directory.h"
#include "lib/package/pack_content.h"

namespace dkms {

/// The Debian source package of what build_dkms_deb makes, format 1.0 without upstream archive (dsc(5)). Written
/// without dpkg-dev, so it can be made anywhere; `dpkg-source -x` and `dpkg-buildpackage -b` take it, and no debhelper
/// is needed. Returns NAME_V.dsc, NAME_V.tar.gz and NAME_V_source.changes (deb-changes(5)). The draft is for them
/// alone. Throws Error ToolMissing, PackagingFailed, DiskFull, Cancelled.
Products build_dsc(DraftDirectory& draft, const PackContent& content, const Work& work);

} // namespace dkms
