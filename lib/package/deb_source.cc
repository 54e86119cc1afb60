// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/deb_source.h"

#include "lib/package/archive_writer.h"
#include "lib/package/deb_build.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// A word as make(1) hands it to the shell: quoted for the one, its dollars doubled for the other.
std::string recipe_word(const std::string& word)
{
    std::string result;
    for (const char c : text_of(std::vector<std::string>{word})) result += c == '$' ? "$$" : std::string(1, c);
    return result;
}

std::string rules(const DebPackage& package, const ModuleId& module)
{
    const std::string root = "debian/" + package.name;
    const std::string documents = root + "/usr/share/doc/" + package.name;
    return "#!/usr/bin/make -f\n"
           "# The source is built where the package is installed.\n\n"
           "build build-arch build-indep binary-arch:\n\n"
           "clean:\n"
           "\trm -rf " +
           root +
           " debian/files\n\n"
           "binary binary-indep: clean\n"
           "\tmkdir -p " +
           root + "/DEBIAN " + root + "/usr/src " + documents +
           "\n"
           "\tcp -a -- " +
           recipe_word(module.name + "-" + module.version) + " " + root +
           "/usr/src/\n"
           "\tcp -a share " +
           root + "/usr/share/" + recipe_word(module.name + "-dkms") +
           "\n"
           "\tcp debian/copyright " +
           documents +
           "/\n"
           "\tgzip -9n <debian/changelog >" +
           documents +
           "/changelog.gz\n"
           "\tcp debian/postinst debian/prerm " +
           root +
           "/DEBIAN/\n"
           "\tchmod -R u+rwX,go+rX,go-w " +
           root +
           "\n"
           "\tchmod 755 " +
           root +
           "/DEBIAN/*\n"
           "\tcd " +
           root +
           " && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0r md5sum -- >DEBIAN/md5sums\n"
           "\tdpkg-gencontrol -p" +
           package.name + " -P" + root +
           "\n"
           "\tdpkg-deb --root-owner-group --build " +
           root +
           " ..\n\n"
           ".PHONY: build build-arch build-indep binary binary-arch binary-indep clean\n";
}

void put_debian(PayloadTree& tree, const DebPackage& package, const PackContent& content)
{
    const ModuleId& module = content.module();
    tree.text("debian/control", source_control(package));
    tree.text("debian/changelog", changelog(package, content.time()));
    tree.text("debian/copyright", copyright(module, "/usr/src/" + module.name + "-" + module.version));
    tree.text("debian/rules", rules(package, module), 0755);
    tree.text("debian/source/format", "1.0\n");
    tree.text("debian/postinst", dkms_postinst(module), 0755);
    tree.text("debian/prerm", dkms_prerm(module), 0755);
}

fs::path write_tarball(DraftDirectory& draft, const DebPackage& package, const PackContent& content, const Work& work)
{
    const std::string name = package.name + "-" + package.version;
    PayloadTree tree(draft.input() / name, content.time(), work.cancellation);
    tree.tree(content.module().name + "-" + content.module().version, content.source());
    put_companions(tree, "share/", content, work);
    put_debian(tree, package, content);
    fs::path path = draft.input() / (package.name + "_" + package.version + ".tar.gz");
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    const Descriptor directory(::open(tree.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ArchiveWriter writer(file.number(), path.filename(), content.time());
    writer.tree(name, directory, work.cancellation);
    writer.close();
    return path;
}

std::string digest(DraftDirectory& draft, const std::string& program, const fs::path& file)
{
    const std::string said = draft.output_of({{program, "--", file.string()}, "coreutils"});
    return said.substr(0, said.find(' '));
}

/// The fields Checksums-Sha1, Checksums-Sha256 and Files. `more` stands between size and name in the last one.
std::string sums_of(DraftDirectory& draft, const std::vector<fs::path>& files, const std::string& more)
{
    constexpr std::array<std::pair<const char*, const char*>, 3> kinds{
        {{"Checksums-Sha1", "sha1sum"}, {"Checksums-Sha256", "sha256sum"}, {"Files", "md5sum"}}};
    std::string text;
    for (const auto& [field, program] : kinds) {
        text += std::string(field) + ":\n";
        for (const fs::path& file : files)
            text += " " + digest(draft, program, file) + " " + std::to_string(fs::file_size(file)) + " " +
                    (std::string(field) == "Files" ? more : "") + file.filename().string() + "\n";
    }
    return text;
}

fs::path write_dsc(DraftDirectory& draft, const DebPackage& package, const fs::path& tarball)
{
    fs::path path = draft.input() / (package.name + "_" + package.version + ".dsc");
    write_file_durably(path, "Format: 1.0\nSource: " + package.name + "\nBinary: " + package.name +
                                 "\nArchitecture: all\nVersion: " + package.version +
                                 "\nMaintainer: " + deb_maintainer() + "\nStandards-Version: 4.6.2\nPackage-List:\n " +
                                 package.name + " deb kernel optional arch=all\n" + sums_of(draft, {tarball}, ""));
    return path;
}

fs::path write_changes(DraftDirectory& draft, const DebPackage& package, const std::vector<fs::path>& files,
                       std::time_t time)
{
    fs::path path = draft.input() / (package.name + "_" + package.version + "_source.changes");
    write_file_durably(path, "Format: 1.8\nDate: " + date_text(time) + "\nSource: " + package.name +
                                 "\nArchitecture: source\nVersion: " + package.version +
                                 "\nDistribution: unstable\nUrgency: low\nMaintainer: " + deb_maintainer() +
                                 "\nChanged-By: " + deb_maintainer() + "\nChanges:\n " + package.name + " (" +
                                 package.version + ") unstable; urgency=low\n .\n   * Made of a DKMS tree.\n" +
                                 sums_of(draft, files, "kernel optional "));
    return path;
}

} // namespace

Products build_dsc(DraftDirectory& draft, const PackContent& content, const Work& work)
{
    const DebPackage package = dkms_package(content.module(), "all");
    const fs::path tarball = write_tarball(draft, package, content, work);
    const fs::path dsc = write_dsc(draft, package, tarball);
    const fs::path changes = write_changes(draft, package, {dsc, tarball}, content.time());
    Products products;
    for (const fs::path& file : {dsc, tarball, changes}) products.push_back(opened_product(file));
    return products;
}

} // namespace dkms
