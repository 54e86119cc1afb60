// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/rpm_build.h"

#include "lib/build/private_directory.h"
#include "lib/files/walk.h"
#include "lib/model/error.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

void write_new(const fs::path& path, std::string_view content)
{
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file) throw Error(ErrorCode::archive_not_writable, {{"path", path.string()}, {"reason", errno_text(errno)}});
    write_all(file.number(), content);
}

} // namespace

RpmBuild::RpmBuild(DraftDirectory& draft, const std::string& name, std::time_t time)
    : draft_(draft), top_(draft.path() / name), time_(time)
{
    for (const char* directory : {"BUILD", "BUILDROOT", "RPMS", "SRPMS", "SPECS", "SOURCES", "tmp"}) {
        std::error_code failed;
        fs::create_directories(top_ / directory, failed);
        if (failed)
            throw Error(ErrorCode::archive_not_writable,
                        {{"path", (top_ / directory).string()}, {"reason", failed.message()}});
    }
    define("_topdir", top_);
    define("_tmppath", top_ / "tmp");
    define("_buildhost", "localhost");
    define("use_source_date_epoch_as_buildtime", "1");
    define("clamp_mtime_to_source_date_epoch", "1");
    define("source_date_epoch_from_changelog", "0");
    define("_srcdefattr", "(-,root,root)");
    // What every rpm since the first ones can unpack, installers' included.
    define("_source_payload", "w9.gzdio");
    define("_binary_payload", "w9.gzdio");
}

void RpmBuild::add_source(const std::string& name, std::string_view content) const
{
    write_new(sources() / name, content);
}

void RpmBuild::define(const std::string& name, const std::string& value)
{
    defines_.insert(defines_.end(), {"--define", name + " " + value});
}

std::vector<fs::path> RpmBuild::run(const std::string& what, const std::string& name, std::string_view text,
                                    const std::string& target)
{
    const fs::path spec = top_ / "SPECS" / name;
    write_new(spec, text);
    std::vector<std::string> argv{"rpmbuild", what, "--nodeps"}; // of the build: DKMS is not a package everywhere
    if (!target.empty()) argv.push_back("--target=" + target);
    argv.insert(argv.end(), defines_.begin(), defines_.end());
    argv.push_back(spec);
    draft_.run(std::move(argv), "rpm", {"LC_ALL=C", "SOURCE_DATE_EPOCH=" + std::to_string(time_)});

    std::vector<fs::path> written;
    for (const char* directory : {"RPMS", "SRPMS"})
        walk(top_ / directory, [&](const Found& found) {
            if (found.name.ends_with(".rpm") && S_ISREG(found.facts.st_mode))
                written.push_back(top_ / directory / found.path);
        });
    std::sort(written.begin(), written.end());
    return written;
}

} // namespace dkms
