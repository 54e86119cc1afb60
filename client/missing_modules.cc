// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/missing_modules.h"

#include "client/text.h"

#include <nlohmann/json.hpp>

#include <fnmatch.h>

namespace dkms {
namespace {

bool is_about(const StatusFilter& filter, const nlohmann::json& gap)
{
    const std::string release = gap.value("kernel", "");
    return (filter.kernel.empty() || ::fnmatch(filter.kernel.c_str(), release.c_str(), 0) == 0) &&
           (filter.arch.empty() || filter.arch == gap.value("arch", ""));
}

} // namespace

nlohmann::json gaps_within(const nlohmann::json& gaps, const StatusFilter& filter)
{
    nlohmann::json found = nlohmann::json::array();
    if (!filter.module.empty()) return found;
    for (const nlohmann::json& gap : gaps)
        if (is_about(filter, gap)) found.push_back(gap);
    return found;
}

std::string gap_sentences(const nlohmann::json& gaps)
{
    std::string text;
    for (const nlohmann::json& gap : gaps) text += printable(gap.value("sentence", "")) + "\n";
    return text;
}

} // namespace dkms
