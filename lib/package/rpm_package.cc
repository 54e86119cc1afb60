// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/rpm_package.h"

#include "lib/build/private_directory.h"
#include "lib/files/copy_tree.h"
#include "lib/model/error.h"
#include "lib/package/archive_writer.h"
#include "lib/package/builtin_specs.h"
#include "lib/package/common_postinst.h"
#include "lib/package/manifest.h"
#include "lib/package/module_archive.h"
#include "lib/package/rpm_build.h"
#include "lib/package/rpm_provides.h"
#include "lib/package/rpm_text.h"
#include "lib/package/source_copy.h"
#include "lib/package/spec_file.h"
#include "lib/tree/build_origin.h"
#include "lib/tree/directory.h"

#include <nlohmann/json.hpp>

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

class DkmsPackage {
public:
    DkmsPackage(const Work& work, const PackContent& content, DraftDirectory& draft)
        : work_(work), content_(content), name_(content.module().name), version_(content.module().version),
          build_(draft, content.time())
    {
    }

    Products make();

private:
    std::string product() const { return "The RPM of " + content_.module().text(); }
    std::string tree_name() const { return name_ + "-" + version_; }
    bool has_archive() const { return !content_.builds().empty(); }
    bool has_postinst() const { return !work_.step.options.no_postinst; }
    std::set<std::string> provides() const;

    Products make_by_foreign_spec(const std::string& spec);
    void copy(const Descriptor& directory, const std::string& name, const fs::path& place) const;
    void copy_source_tree() const;
    void copy_dkms_tree(const fs::path& tree) const;
    std::string archive_words(const fs::path& tree) const;

    Products make_by_own_spec();
    int new_file(const std::string& name);
    std::string own_spec() const;

    const Work& work_;
    const PackContent& content_;
    std::string name_;
    std::string version_;
    RpmBuild build_;
    std::vector<Descriptor> files_;
};

std::set<std::string> DkmsPackage::provides() const
{
    std::set<std::string> provides;
    for (const auto& [kernel, build] : content_.builds())
        provides.merge(modalias_provides(content_.modules(kernel), version_));
    return provides;
}

// --- by a spec of others --------------------------------------------------------------------------------------------

/// Readable for all: who runs the spec is to read it.
void DkmsPackage::copy(const Descriptor& directory, const std::string& name, const fs::path& place) const
{
    make_directories(place);
    StagedTree tree(place);
    copy_source(directory.number(), name, tree, work_.cancellation);
}

void DkmsPackage::copy_source_tree() const { copy(content_.source(), tree_name(), build_.sources() / tree_name()); }

/// As much of a DKMS tree as `dkms mktarball` looks at.
void DkmsPackage::copy_dkms_tree(const fs::path& tree) const
{
    const fs::path version = tree / name_ / version_;
    make_directories(version);
    StagedTree top(version);
    if (content_.source()) {
        top.make_link("source", "../../../SOURCES/" + tree_name());
    } else {
        const Descriptor conf = top.make_file("source/dkms.conf");
        if (const int number = copy_content(content_.conf_file().number(), conf.number()))
            refuse_change(version / "source/dkms.conf", number);
        top.finish_file(conf, "source/dkms.conf", 0644, {content_.time(), 0});
    }
    for (const auto& [kernel, build] : content_.builds()) {
        copy(build.directory, kernel.text(), version / kernel.release / kernel.arch);
        remove_quietly(version / kernel.release / kernel.arch / archive_note);
    }
}

std::string DkmsPackage::archive_words(const fs::path& tree) const
{
    if (!has_archive()) return "none";
    std::string words = "--dkmstree " + tree.string();
    for (const auto& [kernel, build] : content_.builds()) words += " -k " + kernel.release + " -a " + kernel.arch;
    return words + " --binaries-only";
}

Products DkmsPackage::make_by_foreign_spec(const std::string& spec)
{
    const fs::path tree = build_.top() / "dkms";
    if (content_.source()) copy_source_tree();
    copy_dkms_tree(tree);
    if (has_postinst()) build_.add_source("common.postinst", common_postinst());
    std::string listing;
    for (const std::string& one : provides()) listing += one + "\n";
    build_.add_source("provides", listing);
    // rpmbuild wants to get rid of its list of files.
    build_.add_source("find-provides", "cat >/dev/null; exec cat \"${0%/*}/provides\"\n");

    std::string kernels;
    for (const auto& [kernel, build] : content_.builds()) kernels += (kernels.empty() ? "" : " ") + kernel.release;
    build_.define("module_name", name_);
    build_.define("version", version_);
    build_.define("rpm_version", rpm_version(content_.module(), product()));
    build_.define("kernel_versions", kernels.empty() ? "%{nil}" : kernels);
    build_.define("mktarball_line", archive_words(build_.shown(tree)));
    build_.define("_dkmsdir", build_.shown(tree));
    build_.define("_use_internal_dependency_generator", "0");
    build_.define("__find_provides", "/bin/sh " + build_.shown(build_.sources() / "find-provides").string());
    return build_.run("-ba", "dkms_mkrpm.spec", spec);
}

// --- by our own -----------------------------------------------------------------------------------------------------

int DkmsPackage::new_file(const std::string& name)
{
    const fs::path path = build_.sources() / name;
    files_.emplace_back(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (files_.back()) return files_.back().number();
    throw Error(ErrorCode::archive_not_writable,
                {{"path", path.string()}, {"reason", errno_text(errno)}, {"errno", std::to_string(errno)}});
}

std::string DkmsPackage::own_spec() const
{
    const bool has_source = static_cast<bool>(content_.source());
    std::string sources = "Source1: dkms_manifest.json";
    if (has_source) sources += "\nSource0: " + tree_name() + ".tar.gz";
    if (has_archive()) sources += "\nSource2: " + tree_name() + ".dkms.tar.gz";
    if (has_postinst()) sources += "\nSource3: common.postinst";
    std::string kernels;
    std::string description = has_source ? "The source of the kernel modules " : "The kernel modules ";
    description += name_ + " " + version_ + (has_archive() ? ", built for" : ".");
    for (const auto& [kernel, build] : content_.builds()) {
        kernels += (kernels.empty() ? "" : " ") + kernel.text();
        description += "\nkernel " + kernel.release + " (" + kernel.arch + ")";
    }
    std::map<std::string, std::string> values{{"MODULE", name_},
                                              {"VERSION", version_},
                                              {"RPM_VERSION", rpm_version(content_.module(), product())},
                                              {"SOURCES", sources},
                                              {"PROVIDES", dependency_lines("Provides", provides())},
                                              {"DESCRIPTION", description + (has_archive() ? "." : "")},
                                              {"KERNELS", kernels},
                                              {"FILES", has_source ? "/usr/src/" + tree_name() : ""}};
    values["REGISTER"] = filled(dkms_spec_register(), values);
    return filled(dkms_spec(), values);
}

Products DkmsPackage::make_by_own_spec()
{
    const std::string spec = own_spec(); // complains before anything is written
    if (content_.source()) {
        const std::string name = tree_name() + ".tar.gz";
        ArchiveWriter writer(new_file(name), name, content_.time());
        writer.tree(tree_name(), content_.source(), work_.cancellation);
        writer.close();
    }
    if (has_archive()) {
        const std::string name = tree_name() + ".dkms.tar.gz";
        write_module_archive(content_, ArchivedSource::conf_only, new_file(name), name, work_.cancellation);
    }
    if (has_postinst()) build_.add_source("common.postinst", common_postinst());
    build_.add_source(manifest_name, text_of(manifest_of(content_, work_.cancellation, {})));
    files_.clear();
    return build_.run("-ba", name_ + ".spec", spec);
}

Products DkmsPackage::make()
{
    for (const auto& [kernel, build] : content_.builds()) check_for_rpm(kernel.release, "kernel", product());
    const SpecNames names{work_.step.options.spec,
                          {name_ + "-dkms-mkrpm.spec", name_ + "-dkms-rpm.spec"},
                          {"template-dkms-mkrpm.spec", "template-dkms-rpm.spec"}};
    const auto spec = foreign_spec(names, content_.module(), work_.places, product());
    return spec ? make_by_foreign_spec(*spec) : make_by_own_spec();
}

} // namespace

Products make_dkms_package(const Work& work, const PackContent& content, DraftDirectory& draft)
{
    return DkmsPackage(work, content, draft).make();
}

} // namespace dkms
