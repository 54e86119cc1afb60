// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/anaconda_disk.h"

#include "lib/package/kmod_package.h"
#include "lib/process/child.h"

#include <set>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// Everything that createrepo_c would take from the clock is given to it; gzip is what installers of all times can
/// read.
void put_repodata(DiskDraft& disk, const std::string& directory)
{
    const std::string time = std::to_string(disk.content.time());
    const std::string output = "index-" + fs::path(directory).filename().string();
    disk.draft.run({{"mkdir", "--", output}, "coreutils"});
    disk.draft.run({{"createrepo_c", "--quiet", "--no-database", "--revision", time, "--set-timestamp-to-revision",
                     "--general-compress-type=gz", "--workers", "1", "--outputdir", output,
                     (disk.tree.root() / directory).string()},
                    "createrepo-c",
                    {"SOURCE_DATE_EPOCH=" + time}});
    for (const Product& index : disk.draft.take_all(fs::path(output) / "repodata"))
        disk.tree.file(directory + "/repodata/" + index.name, index.file);
}

} // namespace

void put_anaconda_disk(DiskDraft& disk)
{
    const ModuleId& module = disk.content.module();
    disk.tree.text("rhdd3", module.name + "-" + module.version + " driver disk\n");
    std::set<std::string> directories;
    for (const auto& [kernel, modules] : disk.modules) {
        DraftDirectory draft(disk.work, disk.draft.product());
        const Product made = make_kmod_package(disk.work, disk.content, kernel, draft);
        const std::string directory = "rpms/" + kernel.arch;
        disk.tree.file(directory + "/" + made.name, made.file);
        directories.insert(directory);
    }
    disk.tree.finish(); // the index holds the packages' times
    if (find_program("createrepo_c")) {
        for (const std::string& directory : directories) put_repodata(disk, directory);
    } else {
        disk.work.reporter.warning("no-repodata", {{"package", "createrepo-c"}},
                                   "The disk has no repodata, which the installer of Red Hat Enterprise Linux 6 wants: "
                                   "createrepo_c is not installed (package createrepo-c).");
    }
}

} // namespace dkms
