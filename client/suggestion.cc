// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/suggestion.h"

#include "client/text.h"

#include <algorithm>

namespace dkms {
namespace {

constexpr std::size_t longest_word = 200; // of names; what is longer was not mistyped

/// How many letters have to be put in, left out, replaced, or swapped with their neighbour to get from one to the
/// other: three rows of the usual table are kept.
std::size_t distance(std::string_view one, std::string_view other)
{
    std::vector<std::size_t> before_last(other.size() + 1);
    std::vector<std::size_t> last(other.size() + 1);
    std::vector<std::size_t> row(other.size() + 1);
    for (std::size_t column = 0; column <= other.size(); ++column) last[column] = column;
    for (std::size_t line = 1; line <= one.size(); ++line) {
        row[0] = line;
        for (std::size_t column = 1; column <= other.size(); ++column) {
            const std::size_t replaced = last[column - 1] + (one[line - 1] == other[column - 1] ? 0 : 1);
            row[column] = std::min({replaced, last[column] + 1, row[column - 1] + 1});
            const bool swapped =
                line > 1 && column > 1 && one[line - 1] == other[column - 2] && one[line - 2] == other[column - 1];
            if (swapped) row[column] = std::min(row[column], before_last[column - 2] + 1);
        }
        before_last.swap(last);
        last.swap(row);
    }
    return last[other.size()];
}

/// What only differs by its length says less than what differs in its letters.
std::size_t strangeness(std::string_view word, const std::string& candidate)
{
    if (word.size() >= 2 && candidate.starts_with(word)) return 1;
    return 2 * distance(word, candidate);
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
