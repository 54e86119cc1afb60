// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/modprobe_fragment.h"

#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"
#include "lib/tree/directory.h"

#include <set>
#include <sstream>

namespace dkms {
namespace {

/// Every name that the files of modprobe_dir, but `own`, make an alias.
std::set<std::string> used_aliases(const Places& places, const std::filesystem::path& own)
{
    std::set<std::string> used;
    const auto directory = Directory::open(places.modprobe_dir);
    for (const auto& entry : directory ? directory->entries() : std::vector<Directory::Entry>()) {
        if (entry.name == own.filename() || std::filesystem::path(entry.name).extension() != ".conf") continue;
        try {
            std::istringstream text(read_file(places.modprobe_dir / entry.name));
            for (std::string line; std::getline(text, line);) {
                std::istringstream words(line);
                std::string keyword;
                std::string alias;
                if (words >> keyword >> alias && keyword == "alias") used.insert(alias);
            }
        } catch (const Error& error) {
            if (is_of_system(error)) throw;
            continue; // a file that cannot be read claims nothing
        }
    }
    return used;
}

} // namespace

std::filesystem::path modprobe_fragment(const Places& places, const std::string& name)
{
    return places.modprobe_dir / ("dkms-" + name + ".conf");
}

std::string modprobe_text(const Places& places, const Conf& conf)
{
    if (conf.modules_conf_alias_type.empty()) return {};
    auto used = used_aliases(places, modprobe_fragment(places, conf.module.name));
    std::string lines;
    for (const ConfModule& module : conf.modules) {
        const auto type = conf.modules_conf_alias_type.find(module.index);
        if (type == conf.modules_conf_alias_type.end() || type->second.empty()) continue;
        unsigned number = 0;
        while (used.count(type->second + std::to_string(number)) != 0) ++number;
        const std::string alias = type->second + std::to_string(number);
        used.insert(alias);
        lines += "alias " + alias + " " + module.dest_name + "\n";
    }
    return lines.empty() ? lines : "# Made by dkmsd for " + conf.module.text() + "\n" + lines;
}

} // namespace dkms
