// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/conf_native.h"

#include "lib/config/shell_word.h"

#include <algorithm>
#include <array>

namespace dkms {
namespace {

/// All that values may grow to by naming each other.
constexpr std::size_t expansion_limit = std::size_t{1024} * 1024;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Variables that mean something to bash, or to programs it would start: setting them is not a mere assignment.
bool is_special(const std::string& name)
{
    constexpr std::array<std::string_view, 8> prefixes{"BASH", "COMP",    "HIST",      "LC_",
                                                       "LD_",  "PROMPT_", "READLINE_", "_dkms_"};
    constexpr std::string_view names = " _ CDPATH CHILD_MAX COLUMNS COPROC DIRSTACK EMACS ENV EPOCHREALTIME "
                                       "EPOCHSECONDS EUID EXECIGNORE FCEDIT FIGNORE FUNCNAME"
                                       " FUNCNEST GLOBIGNORE GROUPS HOME HOSTFILE HOSTNAME HOSTTYPE IFS IGNOREEOF "
                                       "INPUTRC INSIDE_EMACS LANG LANGUAGE LINENO LINES"
                                       " LOCPATH MACHTYPE MAIL MAILCHECK MAILPATH MAPFILE OLDPWD OPTARG OPTERR OPTIND "
                                       "OSTYPE PATH PIPESTATUS POSIXLY_CORRECT PPID"
                                       " PS0 PS1 PS2 PS3 PS4 PWD RANDOM REPLY SECONDS SHELL SHELLOPTS SHLVL SRANDOM "
                                       "TERM TEXTDOMAIN TEXTDOMAINDIR TIMEFORMAT TMOUT"
                                       " TMPDIR TZ UID auto_resume histchars ";
    const auto begins_with = [&](std::string_view prefix) { return name.compare(0, prefix.size(), prefix) == 0; };
    return names.find(" " + name + " ") != std::string_view::npos ||
           std::any_of(prefixes.begin(), prefixes.end(), begins_with);
}

std::string element(const std::map<unsigned, std::string>& elements, unsigned index)
{
    const auto found = elements.find(index);
    return found == elements.end() ? std::string() : found->second;
}

/// What variables hold during one of the two expansions.
class Variables {
public:
    explicit Variables(const ConfScope& scope) : scope_(scope) {}

    void set(std::string_view name, unsigned index, std::string value)
    {
        const std::string key(name);
        auto& elements = set_[key];
        // A given variable that becomes an array keeps its value as the first element.
        if (const auto given = scope_.variables.find(key); elements.empty() && given != scope_.variables.end())
            elements[0] = given->second;
        elements[index] = std::move(value);
    }

    std::optional<std::string> value(std::string_view name, unsigned index) const
    {
        const std::string key(name);
        if (const auto own = set_.find(key); own != set_.end()) return element(own->second, index);
        if (const auto given = scope_.variables.find(key); given != scope_.variables.end())
            return index == 0 ? given->second : std::string();
        if (std::find(scope_.names.begin(), scope_.names.end(), name) != scope_.names.end()) return std::string();
        return std::nullopt;
    }

    bool has(std::string_view name) const { return set_.count(std::string(name)) != 0; }
    const ConfVariables& all() const { return set_; }

private:
    const ConfScope& scope_;
    ConfVariables set_;
};

/// Reads one file: assignments, comments, blank lines.
class FileReader {
public:
    FileReader(std::string_view text, Variables& variables, std::size_t& budget)
        : text_(text), variables_(variables), budget_(budget)
    {
    }

    void read()
    {
        while (skip_to_assignment()) {
            read_assignment();
            end_assignment();
        }
    }

private:
    void skip_blanks()
    {
        for (;;) {
            if (is_blank(text_.peek()))
                text_.skip(1);
            else if (text_.peek() == '\\' && text_.peek(1) == '\n')
                text_.skip(2);
            else
                return;
        }
    }

    void skip_comment()
    {
        while (!text_.at_end() && text_.peek() != '\n')
            if (text_.take() == '\0') throw Unsure{}; // a binary file to bash
    }

    bool skip_to_assignment()
    {
        for (;;) {
            skip_blanks();
            if (text_.at_end()) return false;
            if (text_.peek() == '#')
                skip_comment();
            else if (text_.peek() == '\r' && (text_.peek(1) == '\n' || text_.peek(1) == '\0'))
                text_.skip(1); // to bash a command that is not found
            else if (!text_.skip_if('\n'))
                return true;
        }
    }

    void read_assignment()
    {
        const std::string_view name = text_.take_name();
        unsigned index = 0;
        if (text_.skip_if('[')) {
            index = text_.take_number();
            if (!text_.skip_if(']')) throw Unsure{};
        }
        if (!text_.skip_if('=') || is_special(std::string(name))) throw Unsure{};
        const auto lookup = [this](std::string_view wanted, unsigned element) {
            return variables_.value(wanted, element);
        };
        variables_.set(name, index, read_shell_word(text_, lookup, budget_));
    }

    /// Another word on the line would make it a command, for which alone the assignment holds.
    void end_assignment()
    {
        const bool blank = is_blank(text_.peek());
        skip_blanks();
        if (text_.at_end() || text_.skip_if('\n')) return;
        if (blank && text_.peek() == '#') return skip_comment();
        if (!text_.skip_if(';') || text_.peek() == ';' || text_.peek() == '&') throw Unsure{};
    }

    ShellText text_;
    Variables& variables_;
    std::size_t& budget_;
};

/// Without the carriage return of a file with DOS line ends.
std::string_view trimmed(std::string_view value)
{
    if (!value.empty() && value.back() == '\r') value.remove_suffix(1);
    return value;
}

/// Blanks and newlines run together: what a value looks like when it is expanded
/// again.
std::string collapsed(std::string_view value)
{
    std::string result;
    bool in_gap = false;
    for (const char c : value) {
        const bool gap = is_blank(c) || c == '\n';
        if (!gap)
            result += c;
        else if (!in_gap)
            result += ' ';
        in_gap = gap;
    }
    return result;
}

/// The value as bash sees it in NAME="value".
std::string expanded_again(std::string_view value, const VariableLookup& lookup, std::size_t& budget)
{
    const std::string quoted = '"' + collapsed(trimmed(value)) + '"';
    ShellText text(quoted);
    std::string result = read_shell_word(text, lookup, budget);
    if (!text.at_end()) throw Unsure{};
    return result;
}

Variables first_expansion(std::span<const ConfSource> sources, const ConfScope& scope, std::size_t& budget)
{
    Variables variables(scope);
    for (const ConfSource& source : sources) {
        if (source.text.size() > conf_size_limit) throw Unsure{};
        FileReader(source.text, variables, budget).read();
        for (const ConfAssignment& directive : scope.directives)
            variables.set(directive.name, directive.index, directive.value);
    }
    return variables;
}

/// Sees what it has made so far, not the files' own helper variables.
Variables second_expansion(const Variables& first, const ConfScope& scope, std::size_t& budget)
{
    Variables variables(scope);
    const VariableLookup lookup = [&](std::string_view name, unsigned index) {
        auto value = variables.value(name, index);
        if (!value && first.has(name)) value = std::string();
        return value;
    };
    for (const std::string_view name : scope.names) {
        const auto elements = first.all().find(std::string(name));
        if (elements == first.all().end()) continue;
        for (const auto& [index, value] : elements->second)
            variables.set(name, index, expanded_again(value, lookup, budget));
    }
    return variables;
}

} // namespace

std::optional<ConfVariables> evaluate_natively(std::span<const ConfSource> sources, const ConfScope& scope)
try {
    std::size_t budget = expansion_limit;
    const Variables first = first_expansion(sources, scope, budget);
    budget = expansion_limit;
    return second_expansion(first, scope, budget).all();
} catch (const Unsure&) {
    return std::nullopt;
}

std::optional<ConfVariables> evaluate_once_natively(std::span<const ConfSource> sources, const ConfScope& scope)
try {
    std::size_t budget = expansion_limit;
    const Variables variables = first_expansion(sources, scope, budget);
    ConfVariables wanted;
    for (const std::string_view name : scope.names)
        if (const auto found = variables.all().find(std::string(name)); found != variables.all().end())
            for (const auto& [index, value] : found->second) wanted[found->first][index] = trimmed(value);
    return wanted;
} catch (const Unsure&) {
    return std::nullopt;
}

} // namespace dkms
