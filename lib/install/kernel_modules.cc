// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/kernel_modules.h"

#include "lib/kernel/module_name.h"
#include "lib/tree/directory.h"

#include <algorithm>

namespace dkms {
namespace {

void search(const Directory& directory, const std::string& below, const std::set<std::string>& names,
            std::map<std::string, std::vector<std::string>>& found)
{
    for (const auto& entry : directory.entries()) {
        if (entry.kind == Directory::Kind::directory) {
            if (const auto inner = directory.open_below(entry.name))
                search(*inner, below + entry.name + "/", names, found);
        } else if (entry.kind == Directory::Kind::file && entry.name.find(".ko") != std::string::npos) {
            const std::string name = module_name_of(entry.name);
            if (names.count(name) != 0) found[name].push_back(below + entry.name);
        }
    }
}

} // namespace

std::map<std::string, std::vector<std::string>> find_kernel_modules(const Places& places, const std::string& release,
                                                                    const std::set<std::string>& names)
{
    std::map<std::string, std::vector<std::string>> found;
    if (const auto directory = Directory::open(places.install_tree / release)) search(*directory, "", names, found);
    for (auto& [name, paths] : found) std::sort(paths.begin(), paths.end());
    return found;
}

} // namespace dkms
