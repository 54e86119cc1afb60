// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/makefile_outline.h"

#include "lib/config/conf_values.h"
#include "lib/config/line_pattern.h"

#include <algorithm>

namespace dkms {
namespace {

constexpr int deepest_reference = 10;
constexpr std::size_t most_conditions = 16;
constexpr unsigned most_references = 10000;
constexpr std::size_t longest_value = std::size_t{64} * 1024;

std::string trimmed(std::string_view text)
{
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

/// The line up to its comment.
std::string_view without_comment(std::string_view line)
{
    for (std::size_t at = 0; at < line.size(); ++at)
        if (line[at] == '#' && (at == 0 || line[at - 1] != '\\')) return line.substr(0, at);
    return line;
}

/// The position behind a reference that begins with the '$' at `at`.
std::size_t behind_reference(std::string_view text, std::size_t at)
{
    if (at + 1 >= text.size()) return text.size();
    if (text[at + 1] != '(' && text[at + 1] != '{') return at + 2;
    int depth = 0;
    for (++at; at < text.size(); ++at) {
        if (text[at] == '(' || text[at] == '{') ++depth;
        if ((text[at] == ')' || text[at] == '}') && --depth == 0) return at + 1;
    }
    return text.size();
}

/// The first '=' or ':' that is not part of a reference; npos if there is none.
std::size_t separator(std::string_view line)
{
    for (std::size_t at = 0; at < line.size();) {
        if (line[at] == '=' || line[at] == ':') return at;
        at = line[at] == '$' ? behind_reference(line, at) : at + 1;
    }
    return std::string_view::npos;
}

/// A line's name without what may stand before it.
std::string without_prefix(std::string name)
{
    for (const std::string_view prefix : {"export ", "override ", "private "})
        if (name.compare(0, prefix.size(), prefix) == 0) name = trimmed(std::string_view(name).substr(prefix.size()));
    return name;
}

class MakefileReader {
public:
    MakefileReader(const std::filesystem::path& file, std::string_view text) : lines_(lines_of(text))
    {
        outline_.file = file;
    }

    MakefileOutline read()
    {
        while (next_ < lines_.size()) read_line();
        return std::move(outline_);
    }

private:
    /// A line with those that continue it.
    std::string take_logical_line()
    {
        std::string line;
        for (; next_ < lines_.size(); ++next_) {
            std::string_view part = lines_[next_];
            if (part.ends_with('\r')) part.remove_suffix(1);
            const bool goes_on = part.ends_with('\\');
            if (goes_on) part.remove_suffix(1);
            line += part;
            if (!goes_on) break;
            line += ' ';
        }
        ++next_;
        return line;
    }

    void read_line()
    {
        const auto number = static_cast<unsigned>(next_ + 1);
        const std::string whole = take_logical_line();
        if (whole.starts_with('\t') && in_rule_) return add_other(whole, target_, number);
        const std::string line = trimmed(without_comment(whole));
        if (line.empty()) return;
        const auto at = separator(line);
        if (at == std::string::npos || is_directive(line)) return read_other(line, number);
        const auto behind = line.find_first_not_of(':', at);
        if (line[at] == '=' || (behind != std::string::npos && line[behind] == '='))
            return read_assignment(line, at, number);
        read_rule(line, at, number);
    }

    static bool is_directive(const std::string& line)
    {
        static const LinePattern directive(
            "^(ifeq|ifneq|ifdef|ifndef|else|endif|-?include|sinclude|vpath|define|endef)([[:blank:](]|$)");
        return directive.fits(line);
    }

    void read_other(const std::string& line, unsigned number)
    {
        static const LinePattern elsewhere("^(-?include|sinclude|vpath)[[:blank:]]");
        if (elsewhere.fits(line)) outline_.includes = true;
        read_condition(line);
        add_other(line, "", number);
    }

    /// ifeq, else, else ifeq, endif: what holds from here on. Beyond a depth nothing is known.
    void read_condition(const std::string& line)
    {
        static const LinePattern begins("^if(eq|neq|def|ndef)([[:blank:](]|$)");
        static const LinePattern alternative("^else([[:blank:]]+(if.*))?$");
        if (begins.fits(line)) {
            branches_.push_back({MakefileCondition{std::make_shared<const std::string>(line), false}});
        } else if (alternative.fits(line) && !branches_.empty()) {
            auto& branch = branches_.back();
            branch.back().negated = true;
            const std::string another = alternative.group(line, 2).value_or("");
            if (!another.empty()) branch.push_back({std::make_shared<const std::string>(another), false});
        } else if (line.starts_with("endif") && !branches_.empty()) {
            branches_.pop_back();
        }
    }

    MakefilePlace place(unsigned number) const
    {
        MakefilePlace here{outline_.file, number, {}, true};
        for (const auto& branch : branches_)
            for (const MakefileCondition& one : branch) {
                here.conditions.push_back(one);
                if (here.conditions.size() < most_conditions) continue;
                here.conditions.back().text = std::make_shared<const std::string>("too deep");
                return here;
            }
        return here;
    }

    void add_other(const std::string& text, const std::string& target, unsigned number)
    {
        outline_.others.push_back({place(number), text, target});
    }

    void read_assignment(const std::string& line, std::size_t at, unsigned number)
    {
        const auto equals = line.find('=', at);
        std::string name = line.substr(0, at);
        bool adds = false;
        bool weak = false;
        while (!name.empty() && (name.back() == '+' || name.back() == '?' || name.back() == '!')) {
            adds = adds || name.back() == '+';
            weak = weak || name.back() == '?';
            name.pop_back();
        }
        name = without_prefix(trimmed(name));
        if (name == "VPATH") outline_.includes = true;
        outline_.assignments.push_back(
            {place(number), name, trimmed(std::string_view(line).substr(equals + 1)), adds, weak});
        in_rule_ = false;
    }

    void read_rule(const std::string& line, std::size_t at, unsigned number)
    {
        for (std::string& target : words_of(line.substr(0, at))) outline_.targets.insert(std::move(target));
        target_ = trimmed(std::string_view(line).substr(0, at));
        add_other(line, target_, number);
        in_rule_ = true;
    }

    std::vector<std::string_view> lines_;
    std::size_t next_ = 0;
    bool in_rule_ = false;
    std::string target_;
    std::vector<std::vector<MakefileCondition>> branches_; ///< that are open, each with those passed over
    MakefileOutline outline_;
};

/// Replaces references to variables; nothing when one is not known, or when `budget`, a number of references, is used
/// up.
std::optional<std::string> expanded(std::string_view text, const MakefileVariables& variables, unsigned& budget,
                                    int depth = 0)
{
    if (depth > deepest_reference) return std::nullopt;
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] != '$') {
            result += text[at++];
            continue;
        }
        const std::size_t end = behind_reference(text, at);
        const bool bracketed = end > at + 3;
        const auto found = bracketed ? variables.find(std::string(text.substr(at + 2, end - at - 3))) : variables.end();
        if (found == variables.end() || budget == 0) return std::nullopt;
        --budget;
        const auto value = expanded(found->second, variables, budget, depth + 1);
        if (!value || result.size() + value->size() > longest_value) return std::nullopt;
        result += *value;
        at = end;
    }
    return result;
}

/// Words as make sees them: blanks inside references do not separate.
std::vector<std::string> raw_words(std::string_view text)
{
    std::vector<std::string> words(1);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text[at] == '$' ? behind_reference(text, at) : at + 1;
        const bool blank = text[at] == ' ' || text[at] == '\t';
        if (!blank)
            words.back() += text.substr(at, end - at);
        else if (!words.back().empty())
            words.emplace_back();
        at = end;
    }
    if (words.back().empty()) words.pop_back();
    return words;
}

} // namespace

MakefileOutline makefile_outline(const std::filesystem::path& file, std::string_view text)
{
    return MakefileReader(file, text).read();
}

bool MakefileOutline::makes(const std::string& name) const
{
    return std::any_of(targets.begin(), targets.end(), [&](const std::string& target) {
        const auto percent = target.find('%');
        const bool reference = target.find('$') != std::string::npos; // may be anything
        const std::string end = percent == std::string::npos ? std::string() : target.substr(percent + 1);
        return reference ? target.ends_with(".o") || target.ends_with(".c")
                         : target == name || target.ends_with("/" + name) || (!end.empty() && name.ends_with(end));
    });
}

bool is_makefile_name(const std::string& name)
{
    static const LinePattern pattern("^(GNU)?[Mm]akefile([._-].*)?$|^Kbuild([._-].*)?$|\\.(mk|mak|Kbuild|kbuild)$");
    static const LinePattern not_read("\\.(am|in|orig|rej|bak|win|msc|bsd)$|~$");
    return pattern.fits(name) && !not_read.fits(name);
}

MakefileVariables makefile_variables(const MakefileOutline& makefile, const MakefileVariables& given)
{
    MakefileVariables variables;
    std::set<std::string> ambiguous;
    for (const MakefileAssignment& one : makefile.assignments) {
        if (one.weak && one.variable.starts_with("CONFIG_")) ambiguous.insert(one.variable);
        const auto [found, is_new] = variables.emplace(one.variable, one.value);
        if (is_new) continue;
        if (one.adds)
            found->second += " " + one.value;
        else if (found->second != one.value)
            ambiguous.insert(one.variable);
    }
    for (const std::string& name : ambiguous) variables.erase(name);
    for (const auto& [name, value] : given) variables[name] = value;
    return variables;
}

std::vector<std::optional<std::string>> expanded_words(const std::string& text, const MakefileVariables& variables)
{
    std::vector<std::optional<std::string>> words;
    for (const std::string& word : raw_words(text)) {
        unsigned budget = most_references;
        const auto value = expanded(word, variables, budget);
        if (!value)
            words.emplace_back();
        else
            for (std::string& part : words_of(*value)) words.emplace_back(std::move(part));
    }
    return words;
}

std::optional<std::string> expanded_text(const std::string& text, const MakefileVariables& variables)
{
    unsigned budget = most_references;
    return expanded(text, variables, budget);
}

} // namespace dkms
