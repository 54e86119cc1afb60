// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/kernel_image.h"

#include "lib/files/file_kind.h"
#include "lib/kernel/headers.h"

namespace dkms {
namespace fs = std::filesystem;

bool has_image(const Places& places, const std::string& release)
{
    for (const char* name : {"vmlinuz-", "vmlinux-", "kernel-", "Image-"})
        if (leads_somewhere(places.boot_dir / (name + release))) return true;
    return leads_somewhere(places.install_tree / release / "vmlinuz") ||
           leads_somewhere(places.install_tree / release / "vmlinux");
}

bool is_kernel(const Places& places, const std::string& release)
{
    const fs::path directory = places.install_tree / release;
    for (const char* name : {"kernel", "modules.builtin", "modules.order"})
        if (leads_somewhere(directory / name)) return true;
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
