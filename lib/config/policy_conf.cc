// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/policy_conf.h"

#include "lib/config/conf_source.h"
#include "lib/model/error.h"

#include <algorithm>
#include <sstream>

#include <fnmatch.h>

namespace dkms {

PolicyConf::PolicyConf(const Places& places)
{
    read(places.config_dir / "policy.conf");
    std::vector<std::filesystem::path> more;
    std::error_code missing_is_empty;
    for (const auto& entry : std::filesystem::directory_iterator(places.config_dir / "policy.conf.d", missing_is_empty))
        if (entry.path().extension() == ".conf") more.push_back(entry.path());
    std::sort(more.begin(), more.end());
    for (const auto& file : more) read(file);
}

void PolicyConf::read(const std::filesystem::path& file)
{
    if (std::error_code ignored; !std::filesystem::exists(file, ignored)) return;
    std::istringstream text;
    try {
        text.str(read_conf_source(file).text);
    } catch (const Error& error) {
        return faults_.push_back(error.message());
    }
    unsigned number = 0;
    for (std::string line; std::getline(text, line);) {
        ++number;
        std::istringstream words(line.substr(0, line.find('#')));
        std::string module;
        std::string name;
        std::string more;
        if (!(words >> module)) continue;
        words >> name >> more;
        const auto policy = policy_of(name);
        if (policy && more.empty())
            lines_.emplace_back(module, *policy);
        else
            faults_.push_back(file.string() + ":" + std::to_string(number) +
                              ": a line is a module and one of optional, required, boot.");
    }
}

Policy PolicyConf::policy_for(const std::string& module) const
{
    Policy policy = Policy::optional;
    for (const auto& [pattern, said] : lines_)
        if (::fnmatch(pattern.c_str(), module.c_str(), 0) == 0) policy = said;
    return policy;
}

} // namespace dkms
