// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/told_errors.h"

#include <algorithm>
#include <utility>

namespace dkms {
namespace {

constexpr std::size_t most_errors = 256;
constexpr std::size_t most_errors_of_a_caller = 4; // one that asks for nothing does not push out what others ask for

} // namespace

void ToldErrors::remember(std::string caller, const sdbus::Error& error, nlohmann::json facts)
{
    const auto is_his = [&](const Told& one) { return one.caller == caller; };
    if (std::count_if(told_.begin(), told_.end(), is_his) >= static_cast<std::ptrdiff_t>(most_errors_of_a_caller))
        told_.erase(std::find_if(told_.begin(), told_.end(), is_his));
    if (told_.size() >= most_errors) told_.pop_front();
    told_.push_back(
        {std::move(caller), std::string(error.getName()), std::string(error.getMessage()), std::move(facts)});
}

std::optional<nlohmann::json> ToldErrors::find(const std::string& caller, const std::string& name,
                                               const std::string& text) const
{
    const auto found = std::find_if(told_.rbegin(), told_.rend(), [&](const Told& one) {
        return one.caller == caller && one.name == name && one.text == text;
    });
    return found == told_.rend() ? std::nullopt : std::optional(found->facts);
}

} // namespace dkms
