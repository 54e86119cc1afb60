// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/rpm_build.h"

#include "lib/package/staged_tree.h"
#include "lib/tree/directory.h"

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr const char* top_name = "rpm"; // in both sides of the draft

void write_new(const fs::path& directory, const std::string& name, std::string_view content, std::time_t time)
{
    StagedTree tree(directory);
    const Descriptor file = tree.make_file(name);
    tree.write(file, name, content, 0);
    tree.finish_file(file, name, 0644, {time, 0});
}

} // namespace

RpmBuild::RpmBuild(DraftDirectory& draft, std::time_t time) : draft_(draft), top_(draft.input() / top_name), time_(time)
{
    for (const char* directory : {"BUILD", "BUILDROOT", "RPMS", "SRPMS", "SPECS", "SOURCES", "tmp"})
        make_directories(top_ / directory);
    define("_topdir", shown(top_));
    define("_rpmdir", shown(top_ / "RPMS"));
    define("_srcrpmdir", shown(top_ / "SRPMS"));
    define("_rpmfilename", "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm"); // without a directory for each machine
    define("_tmppath", shown(top_ / "tmp"));
    define("_buildhost", "localhost");
    define("use_source_date_epoch_as_buildtime", "1");
    define("clamp_mtime_to_source_date_epoch", "1");
    define("source_date_epoch_from_changelog", "0");
    define("_srcdefattr", "(-,root,root)");
    // What every rpm since the first ones can unpack, installers' included.
    define("_source_payload", "w9.gzdio");
    define("_binary_payload", "w9.gzdio");
}

fs::path RpmBuild::shown(const fs::path& path) const
{
    return draft_.output() / path.lexically_relative(draft_.input());
}

void RpmBuild::add_source(const std::string& name, std::string_view content) const
{
    write_new(sources(), name, content, time_);
}

void RpmBuild::define(const std::string& name, const std::string& value)
{
    defines_.insert(defines_.end(), {"--define", name + " " + value});
}

Products RpmBuild::run(const std::string& what, const std::string& name, std::string_view text,
                       const std::string& target)
{
    write_new(top_ / "SPECS", name, text, time_);
    std::vector<std::string> argv{"rpmbuild", what, "--nodeps"}; // of the build: DKMS is not a package everywhere
    if (!target.empty()) argv.push_back("--target=" + target);
    argv.insert(argv.end(), defines_.begin(), defines_.end());
    argv.push_back(shown(top_ / "SPECS" / name));
    draft_.copy_to_output(top_name);
    draft_.run({std::move(argv), "rpm", {"LC_ALL=C", "SOURCE_DATE_EPOCH=" + std::to_string(time_)}});

    Products written;
    for (const char* directory : {"RPMS", "SRPMS"})
        for (Product& product : draft_.take_all(fs::path(top_name) / directory))
            if (product.name.ends_with(".rpm")) written.push_back(std::move(product));
    return written;
}

} // namespace dkms
