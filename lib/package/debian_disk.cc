// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/debian_disk.h"

#include "lib/package/deb_build.h"
#include "lib/package/deb_names.h"

#include <fcntl.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

fs::path package_of(DiskDraft& disk, const KernelId& kernel, ModulesDeb kind)
{
    return build_modules_deb(disk.draft, disk.content, kernel, disk.work, kind);
}

void put(DiskDraft& disk, const fs::path& package, const std::string& path)
{
    disk.tree.file(path, Descriptor(::open(package.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)));
}

} // namespace

void put_debian_disk(DiskDraft& disk, const DiskTarget& target)
{
    const std::string directory = target.distribution + "-drivers/" + target.release + "/";
    for (const auto& [kernel, modules] : disk.modules) {
        const fs::path package = package_of(disk, kernel, ModulesDeb::for_installer);
        put(disk, package, directory + package.filename().string());
    }
}

void put_old_ubuntu_disk(DiskDraft& disk)
{
    const ModuleId& module = disk.content.module();
    for (const auto& [kernel, modules] : disk.modules) {
        const std::string base = kernel.release.substr(0, kernel.release.find_first_of("-_"));
        put(disk, package_of(disk, kernel, ModulesDeb::for_old_ubuntu),
            "ubuntu-drivers/" + base + "/" + module.name + "_" + module.version + "-" + kernel.release + "_" +
                deb_architecture(kernel.arch) + ".deb");
    }
    if (disk.content.source()) disk.tree.tree("ubuntu/" + module.name + "-" + module.version, disk.content.source());
}

} // namespace dkms
