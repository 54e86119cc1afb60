// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string_view>

namespace dkms {

/// What a pack request makes of a module.
enum class PackFormat {
    tarball,     ///< the archive that `load` takes
    rpm,         ///< an RPM, and its source package, that brings source and builds to DKMS
    deb,         ///< the same as a Debian package
    dsc,         ///< the Debian source package of that
    bmdeb,       ///< a Debian package of nothing but the built modules, for one kernel
    kmp,         ///< the source package of a SUSE kernel module package
    kmod,        ///< an RPM of nothing but the built modules, one for each kernel
    driver_disk, ///< an image in which installers of distributions find modules
};
std::string_view name_of(PackFormat format);
std::optional<PackFormat> pack_format_of(std::string_view name);

/// The builds that go into it.
enum class PackedBuilds {
    wanted,   ///< those of the kernels of the request; none with `source_only`
    if_named, ///< the same, if the request names any
    none,     ///< no build at all
    prepared, ///< no build: the kernel is the one that the source is made ready for
};
PackedBuilds builds_in(PackFormat format);

} // namespace dkms
