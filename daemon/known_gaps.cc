// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/known_gaps.h"

#include <nlohmann/json.hpp>

namespace dkms {
namespace {

constexpr auto good_for = std::chrono::seconds(1);

} // namespace

const std::vector<KernelGap>& KnownGaps::now()
{
    const auto time = std::chrono::steady_clock::now();
    if (is_current_ && time - looked_at_ < good_for) return gaps_;
    gaps_ = kernel_gaps(places_);
    is_current_ = true;
    looked_at_ = time;
    return gaps_;
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
