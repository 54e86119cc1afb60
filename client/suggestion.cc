// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/suggestion.h"

#include "client/text.h"
#include "lib/model/name_distance.h"

#include <algorithm>

namespace dkms {
namespace {

constexpr std::size_t longest_word = 200; // of names; what is longer was not mistyped

/// What only differs by its length says less than what differs in its letters.
std::size_t strangeness(std::string_view word, const std::string& candidate)
{
    if (word.size() >= 2 && candidate.starts_with(word)) return 1;
    return 2 * name_distance(word, candidate);
}

} // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates)
{
    if (word.empty() || word.size() > longest_word) return {};
    const std::size_t most = 2 * std::clamp<std::size_t>(word.size() / 3, 1, 3);
    std::string found;
    std::size_t least = most + 1;
    for (const std::string& candidate : candidates) {
        if (candidate.size() > longest_word) continue;
        const std::size_t strange = strangeness(word, candidate);
        if (strange >= least) continue;
        least = strange;
        found = candidate;
    }
    return found;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates)
{
    const std::string found = nearest(word, candidates);
    return found.empty() ? "" : "Did you mean '" + printable(found) + "'?";
}

} // namespace dkms
