// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/known_gaps.h"

#include <nlohmann/json.hpp>

namespace dkms {
void KnownGaps::ask(bool privileged, TreeReader::Hear hear)
{
    reader_.ask(
        "gaps", privileged, [places = places_] { return shown(kernel_gaps(places)); }, std::move(hear));
}

nlohmann::json shown(const std::vector<KernelGap>& gaps)
{
    nlohmann::json list = nlohmann::json::array();
    for (const KernelGap& gap : gaps) {
        nlohmann::json one = to_json(gap);
        one["sentence"] = sentence_about(gap);
        list.push_back(std::move(one));
    }
    return list;
}

} // namespace dkms
