// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"
#include "lib/model/finding.h"

#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dkms {

/// One thing that lint() knows. {name} in its texts stands for a parameter.
struct LintRule {
    std::string_view name; ///< "uname-in-makefile"
    Severity severity;
    std::string_view message; ///< a sentence: what is wrong
    std::string_view remedy;  ///< a sentence: what to do
};

/// All rules, by subject.
std::span<const LintRule> lint_rules();

/// What a finding stands on. An error is only what is certain: on likely ground it becomes a warning.
enum class Ground { certain, likely };

/// The findings of one lint(), made from the rules.
class Findings {
public:
    /// Adds what `rule` (a name of the table) says about a line, 0 for the whole file. The rule's further findings in
    /// the same file with the same message are counted only.
    void add(std::string_view rule, const std::filesystem::path& file, unsigned line, const Parameters& parameters = {},
             Ground ground = Ground::certain);

    /// Whether an error is among them.
    bool has_errors() const;
    /// Whether something has been found in this line.
    bool has(const std::filesystem::path& file, unsigned line) const;

    /// What was found, by file and line.
    std::vector<Finding> take();

private:
    struct Counted {
        Finding finding;
        std::set<unsigned> lines; ///< all that have the same
    };
    std::vector<Counted> found_;
};

} // namespace dkms
