// SPDX-License-Identifier: LGPL-2.1-or-later
// Which lines of a Makefile count: ifeq, ifneq, ifdef, ifndef.
#include "lib/config/line_pattern.h"
#include "lib/config/makefile_outline.h"

#include <algorithm>
#include <map>

namespace dkms {
namespace {

/// "(a,b)", "'a' 'b'" and "\"a\" \"b\"" as a and b; nothing for what is none of these.
std::optional<std::pair<std::string, std::string>> two_sides(std::string_view text)
{
    static const LinePattern quoted("^[[:blank:]]*(\"([^\"]*)\"|'([^']*)')[[:blank:]]*(\"([^\"]*)\"|'([^']*)')");
    if (const auto whole = quoted.group(text, 0)) {
        const auto either = [&](std::size_t one, std::size_t other) {
            const std::string first = quoted.group(text, one).value_or("");
            return first.empty() ? quoted.group(text, other).value_or("") : first;
        };
        return std::pair(either(2, 3), either(5, 6));
    }
    const auto open = text.find('(');
    const auto close = text.rfind(')');
    if (open == text.npos || close == text.npos || close < open) return std::nullopt;
    int depth = 0;
    for (std::size_t at = open + 1; at < close; ++at) {
        if (text[at] == '(' || text[at] == '{') ++depth;
        if (text[at] == ')' || text[at] == '}') --depth;
        if (text[at] != ',' || depth != 0) continue;
        const auto begin = std::min(text.find_first_not_of(" \t", at + 1), close);
        return std::pair(std::string(text.substr(open + 1, at - open - 1)),
                         std::string(text.substr(begin, close - begin)));
    }
    return std::nullopt;
}

std::optional<bool> are_equal(std::string_view text, const MakefileVariables& variables)
{
    const auto sides = two_sides(text);
    if (!sides) return std::nullopt;
    const auto left = expanded_text(sides->first, variables);
    const auto right = expanded_text(sides->second, variables);
    if (!left || !right) return std::nullopt;
    return *left == *right;
}

std::optional<bool> is_defined(const std::string& name, const MakefileVariables& variables)
{
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt; // the environment, or the kernel's Makefiles, may define it
    return !found->second.empty();
}

std::optional<bool> holds(const std::string& text, const MakefileVariables& variables)
{
    static const LinePattern condition("^if(n?)(eq|def)[[:blank:]]*(.*)$");
    const auto rest = condition.group(text, 3);
    if (!rest) return std::nullopt;
    const bool compares = condition.group(text, 2) == "eq";
    const auto result = compares ? are_equal(*rest, variables) : is_defined(*rest, variables);
    return result && condition.group(text, 1) == "n" ? std::optional(!*result) : result;
}

/// Judges conditions, each once: the lines below one have it in common.
class Judge {
public:
    explicit Judge(const MakefileVariables& variables) : variables_(variables) {}

    /// Whether all hold; nothing where that cannot be known.
    std::optional<bool> all_hold(const std::vector<MakefileCondition>& conditions)
    {
        bool known = true;
        for (const MakefileCondition& one : conditions) {
            const auto result = of(one);
            if (result && *result == one.negated) return false;
            known = known && result.has_value();
        }
        return known ? std::optional(true) : std::nullopt;
    }

    template <class Part>
    void settle(std::vector<Part>& parts)
    {
        std::erase_if(parts, [&](Part& part) {
            if (part.conditions.empty()) return false;
            const auto result = all_hold(part.conditions);
            part.sure = result.has_value();
            return result == false;
        });
    }

private:
    std::optional<bool> of(const MakefileCondition& condition)
    {
        const auto [found, is_new] = known_.emplace(condition.text.get(), std::nullopt);
        if (is_new) found->second = holds(*condition.text, variables_);
        return found->second;
    }

    const MakefileVariables& variables_;
    std::map<const std::string*, std::optional<bool>> known_;
};

} // namespace

void settle_conditions(MakefileOutline& makefile, const MakefileVariables& given)
{
    // What is taken out in the first round may have made a variable ambiguous.
    for (int round = 0; round < 2; ++round) {
        const MakefileVariables variables = makefile_variables(makefile, given);
        Judge judge(variables);
        judge.settle(makefile.assignments);
        judge.settle(makefile.others);
    }
}

} // namespace dkms
