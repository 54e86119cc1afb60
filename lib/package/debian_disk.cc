// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/debian_disk.h"

#include "lib/package/deb_build.h"
#include "lib/package/deb_names.h"

namespace dkms {
namespace {

Product package_of(const DiskDraft& disk, const KernelId& kernel, ModulesDeb kind)
{
    DraftDirectory draft(disk.work, disk.draft.product());
    return build_modules_deb(draft, disk.content, kernel, disk.work, kind);
}

} // namespace

void put_debian_disk(DiskDraft& disk, const DiskTarget& target)
{
    const std::string directory = target.distribution + "-drivers/" + target.release + "/";
    for (const auto& [kernel, modules] : disk.modules) {
        const Product package = package_of(disk, kernel, ModulesDeb::for_installer);
        disk.tree.file(directory + package.name, package.file);
    }
}

void put_old_ubuntu_disk(DiskDraft& disk)
{
    const ModuleId& module = disk.content.module();
    for (const auto& [kernel, modules] : disk.modules) {
        const std::string base = kernel.release.substr(0, kernel.release.find_first_of("-_"));
        disk.tree.file("ubuntu-drivers/" + base + "/" + module.name + "_" + module.version + "-" + kernel.release +
                           "_" + deb_architecture(kernel.arch) + ".deb",
                       package_of(disk, kernel, ModulesDeb::for_old_ubuntu).file);
    }
    if (disk.content.source()) disk.tree.tree("ubuntu/" + module.name + "-" + module.version, disk.content.source());
}

} // namespace dkms
