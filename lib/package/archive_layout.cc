// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/archive_layout.h"

#include "lib/files/file_kind.h"
#include "lib/files/walk.h"
#include "lib/model/error.h"
#include "lib/package/inner_path.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fcntl.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view newest_tree = "2.0.0";
// What a version directory holds beside its kernels.
constexpr std::array<std::string_view, 8> not_kernels{"build", "source", "tarball", "driver_disk",
                                                      "rpm",   "deb",    "dsc",     "bmdeb"};

bool is_real_directory(const fs::path& path) { return kind_of_file(path) == fs::file_type::directory; }

bool is_real_file(const fs::path& path) { return kind_of_file(path) == fs::file_type::regular; }

bool is_present(const fs::path& path) { return kind_of_file(path) != fs::file_type::not_found; }

class Look {
public:
    Look(fs::path root, std::string name)
        : root_(std::move(root)), main_(root_ / "dkms_main_tree"), name_(std::move(name))
    {
    }

    ArchiveLayout operator()()
    {
        if (is_real_directory(main_))
            of_dkms();
        else
            plain();
        return std::move(found_);
    }

private:
    [[noreturn]] void refuse(const std::string& reason) const
    {
        throw Error(ErrorCode::archive_refused, {{"file", name_}, {"reason", reason}});
    }
    void check_links(const fs::path& directory) const;
    void check_kernel(const KernelId& kernel) const;
    void check_version() const;
    void of_dkms();
    void builds_of(const std::string& release);
    void add_build(KernelId kernel, const fs::path& directory);
    void plain();

    fs::path root_;
    fs::path main_;
    std::string name_;
    ArchiveLayout found_;
};

void Look::check_links(const fs::path& directory) const
{
    const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    walk(opened.number(), [&](const Found& found) {
        if (!S_ISLNK(found.facts.st_mode) || link_stays(depth_of(found.path), found.link_text())) return;
        const std::string path = (directory.lexically_relative(root_) / found.path).lexically_normal().string();
        refuse("the link '" + shown_name(path) + "' leaves its directory");
    });
}

void Look::check_version() const
{
    if (!is_real_file(main_ / "dkms_dbversion")) return;
    constexpr std::size_t longest = 64;
    std::string version;
    try {
        version = read_file(main_ / "dkms_dbversion", longest);
    } catch (const Error&) {
        refuse("its dkms_dbversion is no version");
    }
    version = version.substr(0, version.find_first_of(" \t\r\n"));
    if (compare_versions(version, newest_tree) > 0)
        throw Error(ErrorCode::archive_too_new, {{"file", name_}, {"version", shown_name(version)}});
}

void Look::of_dkms()
{
    check_version();
    found_.of_dkms = true;
    if (const auto source = root_ / "dkms_source_tree"; is_real_directory(source) && is_present(source / "dkms.conf")) {
        check_links(source);
        found_.source = source;
        found_.conf = source / "dkms.conf";
    } else if (const auto conf = root_ / "dkms_binaries_only" / "dkms.conf"; is_real_file(conf)) {
        found_.conf = conf;
    } else {
        throw Error(ErrorCode::archive_without_module,
                    {{"file", name_}, {"reason", "there is no dkms.conf in dkms_source_tree or dkms_binaries_only"}});
    }
    for (const std::string& release : directories_in(main_)) builds_of(release);
}

void Look::builds_of(const std::string& release)
{
    const auto directory = main_ / release;
    if (is_real_directory(directory / "module")) return add_build({release, {}}, directory);
    for (const std::string& arch : directories_in(directory)) {
        if (is_real_directory(directory / arch / "module"))
            add_build({release, arch}, directory / arch);
        else
            found_.left.push_back(release + "/" + arch);
    }
}

void Look::add_build(KernelId kernel, const fs::path& directory)
{
    check_kernel(kernel);
    check_links(directory);
    found_.builds.push_back({std::move(kernel), directory});
}

void Look::check_kernel(const KernelId& kernel) const
{
    if (std::find(not_kernels.begin(), not_kernels.end(), kernel.release) != not_kernels.end())
        refuse("'" + kernel.release + "' is no kernel");
    try {
        check_kernel_release(kernel.release);
        if (!kernel.arch.empty()) check_architecture(kernel.arch);
    } catch (const Error& error) {
        refuse(error.message());
    }
}

void Look::plain()
{
    std::vector<fs::path> level{root_};
    while (!level.empty()) {
        std::vector<fs::path> next;
        for (const fs::path& directory : level) {
            if (is_present(directory / "dkms.conf")) {
                check_links(directory);
                found_.source = directory;
                found_.conf = directory / "dkms.conf";
                return;
            }
            for (const std::string& name : directories_in(directory)) next.push_back(directory / name);
        }
        level = std::move(next);
    }
    throw Error(ErrorCode::archive_without_module,
                {{"file", name_}, {"reason", "there is no dkms.conf in it"}, {"exit_code", "3"}});
}

} // namespace

ArchiveLayout layout_of_archive(const fs::path& root, const std::string& name) { return Look(root, name)(); }

} // namespace dkms
