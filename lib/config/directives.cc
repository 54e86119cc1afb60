// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/directives.h"

#include <algorithm>
#include <array>

namespace dkms {
namespace {

// Name and version come first: nearly every value that is expanded late looks at them.
constexpr std::array<std::string_view, 37> directives{{
    "PACKAGE_NAME",
    "PACKAGE_VERSION",
    "POST_ADD",
    "POST_BUILD",
    "POST_INSTALL",
    "POST_REMOVE",
    "PRE_BUILD",
    "PRE_INSTALL",
    "BUILD_EXCLUSIVE_KERNEL",
    "BUILD_EXCLUSIVE_KERNEL_MIN",
    "BUILD_EXCLUSIVE_KERNEL_MAX",
    "BUILD_EXCLUSIVE_CONFIG",
    "BUILD_EXCLUSIVE_ARCH",
    "BUILD_DEPENDS",
    "BUILD_DEPENDS_REBUILD",
    "MAKE",
    "MAKE_MATCH",
    "PATCH",
    "PATCH_MATCH",
    "BUILT_MODULE_NAME",
    "BUILT_MODULE_LOCATION",
    "DEST_MODULE_NAME",
    "DEST_MODULE_LOCATION",
    "STRIP",
    "AUTOINSTALL",
    "NO_WEAK_MODULES",
    "CLEAN",
    "REMAKE_INITRD",
    "MODULES_CONF",
    "MODULES_CONF_ALIAS_TYPE",
    "MODULES_CONF_OBSOLETES",
    "MODULES_CONF_OBSOLETE_ONLY",
    "OBSOLETE_BY",
    "SIGN_TOOL",
    "SIGN_FILE",
    "MOK_SIGNING_KEY",
    "MOK_CERTIFICATE",
}};

constexpr std::array<DeprecatedDirective, 11> deprecated{{
    {"REMAKE_INITRD", ""},
    {"MODULES_CONF", ""},
    {"MODULES_CONF_ALIAS_TYPE", ""},
    {"MODULES_CONF_OBSOLETES", ""},
    {"MODULES_CONF_OBSOLETE_ONLY", ""},
    {"CLEAN", ""},
    {"OBSOLETE_BY", "BUILD_EXCLUSIVE_KERNEL_MAX"},
    {"SIGN_TOOL", "sign_file in framework.conf"},
    {"SIGN_FILE", "sign_file in framework.conf"},
    {"MOK_SIGNING_KEY", "mok_signing_key in framework.conf"},
    {"MOK_CERTIFICATE", "mok_certificate in framework.conf"},
}};

} // namespace

std::span<const std::string_view> conf_directives() { return directives; }

bool is_conf_directive(std::string_view name)
{
    return std::find(directives.begin(), directives.end(), name) != directives.end();
}

std::span<const DeprecatedDirective> deprecated_directives() { return deprecated; }

} // namespace dkms
