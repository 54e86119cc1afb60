// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/kernel/kernel_config.h"
#include "lib/model/ids.h"
#include "lib/model/places.h"
#include "lib/model/request.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// Where a kernel's build directory is and what it was configured with.
struct KernelHeaders {
    std::filesystem::path source_dir;  ///< <install tree>/K/build, or --kernelsourcedir
    std::filesystem::path for_make;    ///< the same, as make knows it: what its -C gets
    std::filesystem::path config_file; ///< include/config/auto.conf or .config, or --config; empty if there is none
    KernelConfig config;
};

/// Finds the headers of `kernel`. Links are followed within places.root; where that is not "/", source_dir is what the
/// link leads to, since the running system would follow it elsewhere. Throws Error: NoSuchKernel, NoKernelHeaders
/// (parameters kernel, path, package), KernelDirectoryDangling.
KernelHeaders find_headers(const KernelId& kernel, const Places& places, const Options& options);

/// Where they would be, without looking whether they are complete: for evaluating a dkms.conf.
std::filesystem::path headers_directory(const KernelId& kernel, const Places& places, const Options& options);

/// The same place as make and configurations know it: with --root, as that system calls it, "/lib/modules/K/build".
std::filesystem::path headers_for_make(const KernelId& kernel, const Places& places, const Options& options);

/// The file that find_headers would read the configuration from; empty if there is none.
std::filesystem::path kernel_config_file(const std::filesystem::path& source_dir, const Options& options);

/// Whether the headers of `kernel` are where find_headers looks for them, unless told otherwise.
bool has_headers(const KernelId& kernel, const Places& places);

/// Kernels with a directory in the install tree, oldest version first. `with_headers`: only those for which something
/// can be built. Throws Error ReadFailed for an install tree that is there and cannot be read.
std::vector<KernelId> installed_kernels(const Places& places, bool with_headers);

/// The name of the package that brings the headers of `kernel` on this distribution ("linux-headers-6.1.0-56-amd64").
std::string headers_package(const KernelId& kernel, const Places& places);

} // namespace dkms
