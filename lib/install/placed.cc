// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/placed.h"

#include "lib/kernel/module_file.h"
#include "lib/kernel/module_name.h"
#include "lib/model/error.h"
#include "lib/tree/directory.h"
#include "lib/tree/installed.h"
#include "lib/tree/record.h"

#include <algorithm>

namespace dkms {
namespace {

bool is_file(const std::filesystem::path& path)
{
    std::error_code ignored;
    return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

std::vector<PlacedModule> from_record(const std::filesystem::path& kernel, const InstallRecord& record)
{
    std::vector<PlacedModule> result;
    for (const InstallRecord::File& file : record.files) {
        const std::filesystem::path path = std::filesystem::path(file.path).lexically_normal();
        if (path.is_absolute() || *path.begin() == "..") continue;
        result.push_back({file.module, is_file(kernel / path) ? path.string() : "", path.parent_path()});
    }
    return result;
}

/// Whether two files are one module, perhaps compressed in another way or signed again.
bool same_module(const std::filesystem::path& a, const std::filesystem::path& b)
{
    if (same_content(a, b)) return true;
    try {
        const ModuleFacts of_a = read_module(a);
        const ModuleFacts of_b = read_module(b);
        return of_a.version == of_b.version && of_a.srcversion == of_b.srcversion;
    } catch (const Error&) {
        return false;
    }
}

/// In the place that the distribution or the configuration gives it. When just one of them holds a module of that name
/// it is taken for ours: the link of the tree says that it is installed.
PlacedModule look_for(InstalledFiles& installed, const Places& places, const ModuleId& module, const KernelId& kernel,
                      const std::string& file)
{
    const auto below = places.install_tree / kernel.release;
    const auto built = Layout(places).built_modules(module, kernel) / file;
    const std::string name = module_name_of(file);
    const auto directories = installed.directories(module, kernel, file);
    std::vector<PlacedModule> found;
    for (const std::string& directory : directories)
        for (const char* suffix : {"", ".gz", ".xz", ".zst"}) {
            const std::string path = directory + "/" + name + ".ko" + suffix;
            if (is_file(below / path)) found.push_back({name, path, directory});
        }
    for (const PlacedModule& one : found)
        if (same_module(built, below / one.path)) return one;
    if (found.size() == 1) return found.front();
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
    if (record && record->version == module.version) return from_record(places.install_tree / kernel.release, *record);
    InstalledFiles installed(places);
    std::vector<PlacedModule> result;
    for (const std::string& file : built_files(places, module, kernel))
        result.push_back(look_for(installed, places, module, kernel, file));
    return result;
}

} // namespace dkms
