// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/kernel_image.h"

#include "lib/kernel/headers.h"

namespace dkms {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path)
{
    std::error_code ignored;
    return fs::exists(path, ignored);
}

} // namespace

bool has_image(const Places& places, const std::string& release)
{
    for (const char* name : {"vmlinuz-", "vmlinux-", "kernel-", "Image-"})
        if (is_there(places.boot_dir / (name + release))) return true;
    return is_there(places.install_tree / release / "vmlinuz") || is_there(places.install_tree / release / "vmlinux");
}

bool is_kernel(const Places& places, const std::string& release)
{
    const fs::path directory = places.install_tree / release;
    for (const char* name : {"kernel", "modules.builtin", "modules.order"})
        if (is_there(directory / name)) return true;
    return has_image(places, release);
}

KernelId next_kernel(const Places& places)
{
    KernelId newest;
    for (const KernelId& kernel : installed_kernels(places, false)) // oldest first
        if (has_image(places, kernel.release)) newest = kernel;
    return newest;
}

} // namespace dkms
