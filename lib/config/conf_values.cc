// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/conf_values.h"

#include <sstream>

namespace dkms {

std::string ConfValues::value(const std::string& name, unsigned index) const
{
    const auto variable = variables_.find(name);
    if (variable == variables_.end()) return {};
    const auto element = variable->second.find(index);
    return element == variable->second.end() ? std::string() : element->second;
}

bool ConfValues::has(const std::string& name, unsigned index) const
{
    const auto variable = variables_.find(name);
    return variable != variables_.end() && variable->second.count(index) != 0;
}

std::map<unsigned, std::string> ConfValues::elements(const std::string& name) const
{
    std::map<unsigned, std::string> result;
    if (const auto variable = variables_.find(name); variable != variables_.end())
        for (const auto& [index, value] : variable->second)
            if (!value.empty()) result.emplace(index, value);
    return result;
}

std::map<unsigned, std::string> ConfValues::counted(const std::string& name) const
{
    auto result = elements(name);
    result.erase(result.lower_bound(static_cast<unsigned>(indexes(name).size())), result.end());
    return result;
}

std::vector<unsigned> ConfValues::indexes(const std::string& name) const
{
    std::vector<unsigned> result;
    if (const auto variable = variables_.find(name); variable != variables_.end())
        for (const auto& element : variable->second) result.push_back(element.first);
    return result;
}

std::vector<std::string> words_of(const std::string& text)
{
    std::istringstream stream(text);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

} // namespace dkms
