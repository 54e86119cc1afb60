// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <map>
#include <string>

namespace dkms {

/// framework.conf(5): /etc/dkms/framework.conf and framework.conf.d/*.conf, settings of the whole system.
struct Framework {
    std::string source_tree, dkms_tree, install_tree; ///< empty: the default
    std::string tmp_location;
    bool verbose = false;
    bool symlink_modules = false;
    bool modprobe_on_install = false;
    int parallel_jobs = -1; ///< -1: not set
    std::string compress_gzip_opts, compress_xz_opts = "--check=crc32 --lzma2=dict=1MiB",
                                    compress_zstd_opts = "-q --rm -T0";
    std::string post_transaction;                            ///< may hold $kernelver
    std::string build_environment;                           ///< file with exported variables; may hold $kernelver
    std::string sign_file, mok_signing_key, mok_certificate; ///< may hold $kernelver; empty: the distribution's default
    std::string try_sign_modules = "not_in_chroot";          ///< true, false, not_in_chroot
};

/// Reads the settings below places.config_dir; files that are missing are as good as empty. A file with more than
/// NAME="value" lines is evaluated by bash, in a sandbox. Throws Error: ConfUnreadable, ConfInvalid, ConfTooLarge,
/// ConfTimeout. `inherited` are settings that hold where no file says otherwise (see inherited_settings).
Framework read_framework(const Places& places, const std::map<std::string, std::string>& inherited = {});

/// Those settings of framework.conf that are in this process's environment and that the old program took from there:
/// parallel_jobs, modprobe_on_install, post_transaction, build_environment, sign_file, mok_signing_key,
/// mok_certificate, try_sign_modules; and ADDON_MODULES_DIR, see destination_override(), and
/// NO_WEAK_MODULES, SOURCE_DATE_EPOCH; and emerge's MODULES_SIGN_KEY, MODULES_SIGN_CERT. For bus-less use.
std::map<std::string, std::string> inherited_settings();

/// The trees to work with: what the caller named, else what framework.conf says, else the default; all below
/// options.root.
Places resolve_places(const PlaceOptions& options);

/// `value` with $kernelver and ${kernelver} replaced.
std::string with_kernel(const std::string& value, const std::string& release);

} // namespace dkms
