// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/lint_recipes.h"

#include "lib/config/bad_command.h"
#include "lib/config/source_text.h"

#include <algorithm>
#include <map>
#include <set>

namespace dkms {
namespace {

bool is_rule(const MakefileLine& line) { return !line.target.empty() && line.text.front() != '\t'; }

/// What each target needs, as written, and the first target.
struct Rules {
    std::map<std::string, std::vector<std::string>> needs;
    std::string first;
};

Rules rules_of(const MakefileOutline& makefile)
{
    Rules rules;
    for (const MakefileLine& line : makefile.others) {
        if (line.text.empty() || !is_rule(line)) continue;
        const auto colon = line.text.find(':', line.target.size());
        const auto needed = words_of(colon == std::string::npos ? "" : line.text.substr(colon + 1));
        for (const std::string& target : words_of(line.target)) {
            if (rules.first.empty() && target.front() != '.') rules.first = target;
            auto& needs = rules.needs[target];
            needs.insert(needs.end(), needed.begin(), needed.end());
        }
    }
    return rules;
}

/// The targets that a command of MAKE asks for in the source directory: empty strings for the first one; nothing if
/// make runs elsewhere.
std::vector<std::string> goals_of(const std::string& command)
{
    std::vector<std::string> goals;
    bool behind_make = false;
    bool elsewhere = false;
    for (std::string word : words_of(command)) {
        const bool ends = !word.empty() && (word.back() == ';' || word == "&&" || word == "||");
        if (ends && word.back() == ';') word.pop_back();
        if (word == "make" || word == "'make'" || word == "\"make\"") {
            behind_make = true;
            goals.emplace_back();
        } else if (word.starts_with("-C") || word.starts_with("--directory")) {
            elsewhere = true;
        } else if (behind_make && !ends && !word.empty() && word.front() != '-' &&
                   word.find_first_of("=/$'\"") == std::string::npos) {
            goals.push_back(word);
        }
        behind_make = behind_make && !ends;
    }
    // A target that is named is made instead of the first one.
    if (goals.size() > 1) goals.erase(std::remove(goals.begin(), goals.end(), std::string()), goals.end());
    return elsewhere ? std::vector<std::string>() : goals;
}

} // namespace

void lint_recipes(const LintSubject& subject, const MakefileOutline& makefile, Findings& findings)
{
    if (makefile.file.parent_path() != subject.directory) return;
    const Rules rules = rules_of(makefile);
    std::vector<std::string> open;
    for (const auto& element : subject.elements("MAKE"))
        for (const std::string& goal : goals_of(element.second)) open.push_back(goal.empty() ? rules.first : goal);
    std::set<std::string> asked_for;
    while (!open.empty()) {
        const std::string target = open.back();
        open.pop_back();
        if (!asked_for.insert(target).second) continue;
        if (const auto found = rules.needs.find(target); found != rules.needs.end())
            open.insert(open.end(), found->second.begin(), found->second.end());
    }
    for (const MakefileLine& line : makefile.others) {
        if (line.text.empty() || is_rule(line)) continue;
        const auto targets = words_of(line.target);
        const auto is_asked_for = [&](const std::string& target) { return asked_for.contains(target); };
        if (std::none_of(targets.begin(), targets.end(), is_asked_for)) continue;
        std::string_view command = line.text;
        command.remove_prefix(std::min(command.find_first_not_of("\t @-+"), command.size()));
        if (const auto bad = bad_command(command); bad && bad->rule == "needs-root")
            findings.add(bad->rule, makefile.file, line.line, {{"word", bad->word}});
    }
}

} // namespace dkms
