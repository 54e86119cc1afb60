// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/placed.h"

#include "lib/files/file_kind.h"
#include "lib/kernel/module_file.h"
#include "lib/kernel/module_likeness.h"
#include "lib/kernel/module_name.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"
#include "lib/tree/digest.h"
#include "lib/tree/directory.h"
#include "lib/tree/installed.h"
#include "lib/tree/record.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>

namespace dkms {
namespace {

/// Throws Error ReadFailed for a file that exists and cannot be read: it must not be taken for another one.
void require_readable(const std::filesystem::path& file)
{
    const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    if (!opened) refuse_read(file, errno);
    struct stat facts {};
    char byte = 0;
    if (::fstat(opened.number(), &facts) != 0) refuse_read(file, errno);
    if (S_ISREG(facts.st_mode) && ::pread(opened.number(), &byte, 1, 0) < 0) refuse_read(file, errno);
}

/// Compares what is in a module's place with what is known of it.
class Comparison {
public:
    /// `built`: the file that was installed as it is now in the tree, if it is there. `sha256`: as in the record.
    Comparison(std::filesystem::path built, std::string sha256) : built_(std::move(built)), sha256_(std::move(sha256))
    {
    }

    Occupant of(const std::filesystem::path& path) const
    {
        struct stat facts {};
        if (::lstat(path.c_str(), &facts) != 0) refuse_read(path, errno);
        if (S_ISLNK(facts.st_mode)) return leads_into_build(path) ? Occupant::own : Occupant::foreign;
        require_readable(path);
        if (!S_ISREG(facts.st_mode)) return Occupant::foreign;
        if (facts.st_size == 0) return Occupant::own;
        if (is_present(built_) && same_content(built_, path)) return Occupant::own;
        if (!sha256_.empty() && sha256_of({path}).front() == sha256_) return Occupant::own;
        return by_facts(path);
    }

private:
    bool leads_into_build(const std::filesystem::path& link) const
    {
        const std::filesystem::path target = (link.parent_path() / link_text_of(link).value_or("")).lexically_normal();
        std::error_code failed; // then they are not the same
        return target == built_.lexically_normal() || std::filesystem::equivalent(link, built_, failed);
    }

    Occupant by_facts(const std::filesystem::path& path) const
    {
        const auto theirs = facts_if_module(path);
        if (!theirs) return Occupant::damaged;
        if (!is_present(built_)) return sha256_.empty() ? Occupant::own : Occupant::foreign;
        if (likeness_of(built_, path) != Likeness::other) return Occupant::own;
        const auto ours = facts_if_module(built_);
        const bool same = ours && ours->version == theirs->version && ours->srcversion == theirs->srcversion &&
                          ours->vermagic == theirs->vermagic && ours->description == theirs->description &&
                          ours->depends == theirs->depends && ours->aliases == theirs->aliases &&
                          ours->imports == theirs->imports;
        return same ? Occupant::own : Occupant::foreign;
    }

    std::filesystem::path built_;
    std::string sha256_;
};

std::vector<PlacedModule> from_record(const Places& places, const ModuleId& module, const KernelId& kernel,
                                      const InstallRecord& record)
{
    const auto top = places.install_tree / kernel.release;
    const auto built = built_files(places, module, kernel);
    std::vector<PlacedModule> result;
    for (const InstallRecord::File& file : record.files) {
        const std::filesystem::path path = std::filesystem::path(file.path).lexically_normal();
        if (path.is_absolute() || *path.begin() == "..") continue;
        const auto found = InstalledFiles(places).find(kernel, file);
        PlacedModule one{file.module, found.value_or(is_present(top / path) ? path.string() : ""), path.parent_path()};
        one.replaced_by = file.replaced_by;
        const auto ours = std::find_if(built.begin(), built.end(),
                                       [&](const std::string& name) { return module_name_of(name) == file.module; });
        const auto directory = Layout(places).built_modules(module, kernel);
        if (!one.path.empty() && one.replaced_by.empty())
            one.occupant = Comparison(directory / (ours == built.end() ? path.filename().string() : *ours), file.sha256)
                               .of(top / one.path);
        result.push_back(std::move(one));
    }
    return result;
}

/// In the place that the distribution or the configuration gives it.
PlacedModule look_for(InstalledFiles& installed, const Places& places, const ModuleId& module, const KernelId& kernel,
                      const std::string& file)
{
    const auto below = places.install_tree / kernel.release;
    const Comparison comparison(Layout(places).built_modules(module, kernel) / file, "");
    const std::string name = module_name_of(file);
    const auto directories = installed.directories(module, kernel, file);
    for (const std::string& directory : directories)
        for (const char* suffix : {"", ".gz", ".xz", ".zst"}) {
            const std::string path = directory + "/" + name + ".ko" + suffix;
            if (is_present(below / path) && comparison.of(below / path) == Occupant::own)
                return {name, path, directory, Occupant::own};
        }
    return {name, "", directories.empty() ? "" : directories.front()};
}

} // namespace

std::vector<std::string> built_files(const Places& places, const ModuleId& module, const KernelId& kernel)
{
    std::vector<std::string> files;
    const auto directory = Directory::open(Layout(places).built_modules(module, kernel));
    for (const auto& entry : directory ? directory->entries() : std::vector<Directory::Entry>())
        if (entry.name.find(".ko") != std::string::npos && !module_name_of(entry.name).empty())
            files.push_back(entry.name);
    std::sort(files.begin(), files.end());
    return files;
}

std::vector<PlacedModule> placed_modules(const Places& places, const ModuleId& module, const KernelId& kernel)
{
    const auto record = read_install_record(Layout(places), module.name, kernel);
    if (record && record->version == module.version) return from_record(places, module, kernel, *record);
    InstalledFiles installed(places);
    std::vector<PlacedModule> result;
    for (const std::string& file : built_files(places, module, kernel))
        result.push_back(look_for(installed, places, module, kernel, file));
    return result;
}

} // namespace dkms
