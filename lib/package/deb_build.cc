// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/deb_build.h"

#include "lib/build/private_directory.h"
#include "lib/files/file_kind.h"
#include "lib/files/walk.h"
#include "lib/package/archive_writer.h"
#include "lib/package/common_postinst.h"
#include "lib/package/deb_names.h"
#include "lib/package/manifest.h"
#include "lib/package/module_archive.h"
#include "lib/process/refusal.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <set>
#include <vector>

#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t files_at_once = 1000; // what a command line takes

/// Everything in a package but its control directory, below its root.
std::vector<fs::path> payload_of(const PayloadTree& tree)
{
    std::vector<fs::path> found;
    walk(tree.root(), [&](const Found& each) {
        const fs::path below = each.path;
        if (*below.begin() != "DEBIAN") found.push_back(below);
    });
    std::sort(found.begin(), found.end());
    return found;
}

/// As dpkg-gencontrol(1) counts: files in whole KiB, anything else 1 KiB.
std::uint64_t installed_size(const PayloadTree& tree, const std::vector<fs::path>& payload)
{
    std::uint64_t total = 0;
    for (const fs::path& path : payload) {
        struct stat facts {};
        if (::lstat((tree.root() / path).c_str(), &facts) < 0) refuse_read(tree.root() / path, errno);
        total += S_ISREG(facts.st_mode) ? (static_cast<std::uint64_t>(facts.st_size) + 1023) / 1024 : 1;
    }
    return total;
}

std::string md5sums(DraftDirectory& draft, const PayloadTree& tree, const std::vector<fs::path>& payload)
{
    std::vector<std::string> files;
    for (const fs::path& path : payload)
        if (kind_of_file(tree.root() / path) == fs::file_type::regular) files.push_back(path.string());
    std::string sums;
    for (std::size_t from = 0; from < files.size(); from += files_at_once) {
        std::vector<std::string> argv{"md5sum", "--"};
        argv.insert(argv.end(), files.begin() + static_cast<std::ptrdiff_t>(from),
                    files.begin() + static_cast<std::ptrdiff_t>(std::min(files.size(), from + files_at_once)));
        sums += draft.output_of({std::move(argv), "coreutils", {}, tree.root()});
    }
    return sums;
}

void put_archive(PayloadTree& tree, const std::string& path, const PackContent& content, const Work& work)
{
    tree.filled(path, [&](int file) {
        write_module_archive(content, ArchivedSource::conf_only, file, path, work.cancellation);
    });
}

void put_documents(PayloadTree& tree, const DebPackage& package, const std::string& copyright_text, std::time_t time)
{
    const std::string documents = "usr/share/doc/" + package.name + "/";
    tree.text(documents + "copyright", copyright_text);
    tree.filled(documents + "changelog.gz",
                [&](int file) { write_compressed(file, "changelog.gz", changelog(package, time)); });
}

} // namespace

Product build_deb(DraftDirectory& draft, PayloadTree& tree, const DebPackage& package, std::time_t time,
                  DebCompression compression)
{
    const std::vector<fs::path> payload = payload_of(tree);
    tree.text("DEBIAN/md5sums", md5sums(draft, tree, payload));
    tree.text("DEBIAN/control", binary_control(package, installed_size(tree, payload)));
    tree.finish();
    const std::string file = package.name + "_" + package.version + "_" + package.architecture + ".deb";
    draft.run({{"dpkg-deb", "--root-owner-group", compression == DebCompression::gzip ? "-Zgzip" : "-Zxz", "--build",
                tree.root().string(), file},
               "dpkg",
               {"SOURCE_DATE_EPOCH=" + std::to_string(time), "DPKG_DEB_THREADS_MAX=1"}});
    return draft.take(file);
}

std::string architecture_of(const PackContent& content)
{
    std::set<std::string> names;
    for (const auto& [kernel, build] : content.builds()) names.insert(deb_architecture(kernel.arch));
    return names.size() == 1 ? *names.begin() : "all";
}

void put_companions(PayloadTree& tree, const std::string& directory, const PackContent& content, const Work& work)
{
    const ModuleId& module = content.module();
    if (!content.builds().empty())
        put_archive(tree, directory + module.name + "-" + module.version + ".dkms.tar.gz", content, work);
    if (!work.step.options.no_postinst) tree.text(directory + "postinst", common_postinst(), 0755);
    tree.text(directory + manifest_name, text_of(manifest_of(content, work.cancellation, {})));
}

Product build_dkms_deb(DraftDirectory& draft, const PackContent& content, const Work& work)
{
    const ModuleId& module = content.module();
    const DebPackage package = dkms_package(module, architecture_of(content));
    const std::string source = "usr/src/" + module.name + "-" + module.version;
    PayloadTree tree(draft.input() / "package", content.time(), work.cancellation);
    if (content.source()) tree.tree(source, content.source());
    put_companions(tree, "usr/share/" + module.name + "-dkms/", content, work);
    put_documents(tree, package, copyright(module, content.source() ? "/" + source : ""), content.time());
    tree.text("DEBIAN/postinst", dkms_postinst(module), 0755);
    tree.text("DEBIAN/prerm", dkms_prerm(module), 0755);
    return build_deb(draft, tree, package, content.time(), DebCompression::xz);
}

Product build_modules_deb(DraftDirectory& draft, const PackContent& content, const KernelId& kernel, const Work& work,
                          ModulesDeb kind)
{
    DebPackage package = modules_package(content.module(), kernel);
    if (kind == ModulesDeb::for_old_ubuntu) package.version += "-1";
    PayloadTree tree(draft.input() / "package", content.time(), work.cancellation);
    for (const PackedModule& module : content.modules(kernel))
        tree.file("lib/modules/" + kernel.release + "/updates/dkms/" + module.file,
                  content.open_module(kernel, module));
    put_documents(tree, package, copyright(content.module(), ""), content.time());
    tree.text("usr/share/" + package.name + "/" + manifest_name,
              text_of(manifest_of(content, work.cancellation, {false, kernel})));
    if (kind == ModulesDeb::for_old_ubuntu) tree.text("DEBIAN/preinst", running_kernel_preinst(kernel), 0755);
    tree.text("DEBIAN/postinst", modules_postinst(kernel), 0755);
    tree.text("DEBIAN/postrm", modules_postrm(kernel), 0755);
    return build_deb(draft, tree, package, content.time(),
                     kind == ModulesDeb::for_machine ? DebCompression::xz : DebCompression::gzip);
}

} // namespace dkms
