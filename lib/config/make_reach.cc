// SPDX-License-Identifier: LGPL-2.1-or-later
// Follows a build without running it. Wherever that is not possible, the result says so: nothing here guesses.
#include "lib/config/make_reach.h"

#include "lib/config/line_pattern.h"
#include "lib/config/make_call.h"
#include "lib/config/shell_commands.h"
#include "lib/config/whole_makefile.h"
#include "lib/files/file_kind.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr int deepest_call = 8;
constexpr std::size_t most_makefiles = 200;
constexpr std::size_t most_expanded = std::size_t{16} << 20;

/// Where a command runs, and what is known there.
struct Place {
    fs::path directory;
    MakefileVariables variables; ///< for the words of the command
    MakefileVariables given;     ///< what a make that is called inherits
    int depth = 0;
};

/// Commands that neither make a file nor call make.
bool is_harmless(const std::string& word)
{
    static const LinePattern harmless(
        "^(true|false|:|echo|printf|test|\\[|export|unset|set|exit|ls|cat|rm|pwd|id|uname)$");
    return harmless.fits(word);
}

/// Words of a shell before a command that it may or may not run.
bool is_condition(const std::string& word)
{
    static const LinePattern condition("^(if|then|else|elif|while|until|do|!)$");
    return condition.fits(word);
}

/// Programs that make or change files and start nothing else.
bool only_makes_files(const std::string& word)
{
    static const LinePattern files("^(cp|mv|ln|mkdir|touch|install|chmod|chown|sed|tee|strip|patch|find|xargs)$");
    return files.fits(word);
}

class ReachFinder {
public:
    explicit ReachFinder(const LintSubject& subject) : subject_(subject) {}

    MakeReach find()
    {
        const auto makes = subject_.elements("MAKE");
        if (makes.empty()) kbuild(subject_.directory, {}, 0);
        for (const auto& [index, command] : makes) {
            Place place{subject_.directory, {}, {}, 0};
            static const LinePattern plain("^make([[:blank:]]|$)");
            if (plain.fits(command)) place.given["KERNELRELEASE"] = subject_.context.kernel.release;
            run(command, place);
        }
        if (!subject_.value("PRE_BUILD").empty() || !subject_.elements("PATCH").empty()) reach_.makes_files = true;
        return std::move(reach_);
    }

private:
    // commands

    void run(const std::string& text, Place place)
    {
        for (const ShellCommand& command : shell_commands(with_directory(text, place.directory))) {
            if (command.writes) reach_.makes_files = true;
            run_one(command.words, place);
        }
    }

    /// The many ways to write the present directory, replaced.
    static std::string with_directory(std::string text, const fs::path& directory)
    {
        constexpr std::array<std::string_view, 10> ways{"$(shell pwd)", "${shell pwd}", "$(CURDIR)", "${CURDIR}",
                                                        "$$(pwd)",      "$(pwd)",       "`pwd`",     "$$PWD",
                                                        "$(PWD)",       "${PWD}"};
        for (const std::string_view way : ways)
            for (auto at = text.find(way); at != text.npos; at = text.find(way, at + directory.native().size()))
                text.replace(at, way.size(), directory.native());
        return text;
    }

    void run_one(const std::vector<std::string>& words, Place& place)
    {
        static const LinePattern assignment("^([A-Za-z_][A-Za-z0-9_]*)=(.*)$");
        static const LinePattern before("^(env|exec|command|nice|time|fi|done|esac|[{}])$");
        MakefileVariables given = place.given;
        std::size_t at = 0;
        for (; at < words.size(); ++at) {
            if (const auto name = assignment.group(words[at], 1)) {
                const std::string value = assignment.group(words[at], 2).value_or("");
                given[*name] = expanded_text(value, place.variables).value_or(value);
            } else if (is_condition(words[at])) {
                reach_.complete = false;
            } else if (!before.fits(words[at])) {
                break;
            }
        }
        if (at == words.size()) return;
        const std::string& program = words[at];
        const std::span<const std::string> rest = std::span(words).subspan(at + 1);
        if (is_make(program)) return run_make(rest, {place.directory, place.variables, given, place.depth});
        if (program == "cd") return change_directory(rest, place);
        if (is_harmless(program)) return;
        reach_.makes_files = true;
        if (!only_makes_files(program)) reach_.complete = false;
    }

    void change_directory(std::span<const std::string> words, Place& place)
    {
        const auto to = words.empty() ? std::nullopt : in_source(words.front(), place);
        if (to)
            place.directory = *to;
        else
            reach_.complete = false;
    }

    // make

    void run_make(std::span<const std::string> words, const Place& place)
    {
        MakeCall call = make_call(words, place.variables);
        if (!call.clear) reach_.complete = false;
        const MakefileVariables own = call.given;
        MakefileVariables given = place.given;
        for (auto& [name, value] : call.given) given[name] = value;
        const auto directory = call.directory ? in_source(*call.directory, place) : std::optional(place.directory);
        if (directory) return make(*directory, call, known(given), place.depth + 1);
        const auto modules = module_directory(own, place);
        if (modules) return kbuild(*modules, known(given), place.depth + 1);
        reach_.complete = false;
    }

    /// What the kernel's build is told to build.
    std::optional<fs::path> module_directory(const MakefileVariables& given, const Place& place) const
    {
        for (const char* name : {"M", "SUBDIRS", "KBUILD_EXTMOD"})
            if (const auto value = given.find(name); value != given.end()) return in_source(value->second, place);
        return std::nullopt;
    }

    static MakefileVariables known(MakefileVariables variables)
    {
        std::erase_if(variables, [](const auto& one) { return one.second.find_first_of("$`") != std::string::npos; });
        return variables;
    }

    /// A directory of the source, by whichever of its names; nothing for another, or one that is not known.
    std::optional<fs::path> in_source(const std::string& text, const Place& place) const
    {
        const auto value = expanded_text(text, place.variables);
        if (!value || value->find('`') != std::string::npos) return std::nullopt;
        const fs::path path = (fs::path(*value).is_absolute() ? fs::path(*value) : place.directory / *value);
        const fs::path clean = (path / "").lexically_normal().parent_path();
        const Places& places = subject_.context.places;
        const ModuleId& module = subject_.context.module;
        const fs::path version = places.dkms_tree / module.name / module.version;
        for (const fs::path& top : {subject_.directory, version / "build", version / "source",
                                    fs::path("/var/lib/dkms") / module.name / module.version / "build",
                                    places.source_tree / (module.name + "-" + module.version)}) {
            const fs::path relative = clean.lexically_relative(top);
            if (!relative.empty() && *relative.begin() != "..")
                return relative == "." ? subject_.directory : subject_.directory / relative;
        }
        return std::nullopt;
    }

    bool is_new(const fs::path& directory, const std::string& what, int depth)
    {
        if (depth > deepest_call || reach_.makefiles.size() > most_makefiles) return reach_.complete = false;
        return seen_.emplace(directory, what).second;
    }

    const MakefileOutline* read(const fs::path& file, MakefileVariables& given, bool by_kbuild)
    {
        const fs::path directory = file.parent_path();
        for (const char* name : {"CURDIR", "PWD"}) given.emplace(name, directory);
        auto makefile = whole_makefile(file, subject_.directory, given);
        if (!makefile) return nullptr;
        makefile->by_kbuild = by_kbuild;
        if (makefile->includes) reach_.complete = false;
        reach_.makefiles.push_back(std::move(*makefile));
        return &reach_.makefiles.back();
    }

    void not_there()
    {
        reach_.no_makefile = true;
        reach_.complete = false;
    }

    void make(const fs::path& directory, const MakeCall& call, MakefileVariables given, int depth)
    {
        std::string what = "make " + call.file;
        for (const std::string& goal : call.goals) what += " " + goal;
        if (!is_new(directory, what, depth)) return;
        std::vector<std::string> names{"GNUmakefile", "makefile", "Makefile"};
        if (!call.file.empty()) names = {call.file};
        const auto name = std::find_if(names.begin(), names.end(),
                                       [&](const std::string& one) { return leads_to_file(directory / one); });
        if (name == names.end()) return not_there();
        const MakefileOutline* found = read(directory / *name, given, false);
        if (found == nullptr) return not_there();
        const MakefileOutline makefile = *found; // others are added while it is followed
        const MakefileVariables variables = makefile_variables(makefile, given);
        const Place place{directory, variables, given, depth};
        run_recipes(makefile, targets_of(makefile, call.goals, variables), place);
    }

    /// The goals and what they need, or the first target and what it needs.
    std::set<std::string> targets_of(const MakefileOutline& makefile, const std::vector<std::string>& goals,
                                     const MakefileVariables& variables)
    {
        std::map<std::string, std::vector<std::string>> needs;
        std::vector<std::string> open = goals;
        for (const MakefileLine& line : makefile.others) {
            if (!is_rule(line)) continue;
            const auto colon = line.text.find_first_not_of(": \t", line.target.size());
            const auto needed = words_in(colon == std::string::npos ? "" : line.text.substr(colon), variables);
            for (const std::string& target : words_in(line.target, variables)) {
                if (open.empty() && target.front() != '.') open.push_back(target);
                auto& all = needs[target];
                all.insert(all.end(), needed.begin(), needed.end());
            }
        }
        for (const std::string& goal : open)
            if (!needs.contains(goal)) reach_.complete = false;
        std::set<std::string> wanted;
        while (!open.empty()) {
            const std::string target = open.back();
            open.pop_back();
            if (!wanted.insert(target).second) continue;
            if (const auto found = needs.find(target); found != needs.end())
                open.insert(open.end(), found->second.begin(), found->second.end());
        }
        return wanted;
    }

    std::vector<std::string> words_in(const std::string& text, const MakefileVariables& variables)
    {
        std::vector<std::string> words;
        if (expanded_ > most_expanded) {
            reach_.complete = false;
            return words;
        }
        for (const auto& word : expanded_words(text, variables)) {
            if (word)
                words.push_back(*word);
            else
                reach_.complete = false;
            expanded_ += word ? word->size() + 1 : 1;
        }
        return words;
    }

    void run_recipes(const MakefileOutline& makefile, const std::set<std::string>& targets, const Place& place)
    {
        for (const MakefileLine& line : makefile.others) {
            if (is_rule(line) || line.target.empty()) continue;
            const auto names = words_in(line.target, place.variables);
            const auto wanted = [&](const std::string& name) { return targets.contains(name); };
            if (std::none_of(names.begin(), names.end(), wanted)) continue;
            const auto begin = std::min(line.text.find_first_not_of("\t @-+"), line.text.size());
            const bool may_fail = line.text.substr(0, begin).find('-') != std::string::npos;
            const std::string command = line.text.substr(begin);
            reach_.lines.push_back({line.file, line.line, command, may_fail});
            run(command, place);
        }
    }

    // the kernel's build

    void kbuild(const fs::path& directory, MakefileVariables given, int depth)
    {
        if (!is_new(directory, "kbuild", depth)) return;
        const auto names = {directory / "Kbuild", directory / "Makefile"};
        const auto file =
            std::find_if(names.begin(), names.end(), [](const fs::path& one) { return leads_to_file(one); });
        if (file == names.end()) return not_there();
        given["KERNELRELEASE"] = subject_.context.kernel.release;
        for (const char* name : {"src", "obj", "M", "KBUILD_EXTMOD"}) given[name] = directory;
        const MakefileOutline* found = read(*file, given, true);
        if (found == nullptr) return not_there();
        const MakefileVariables variables = makefile_variables(*found, given);
        std::vector<fs::path> below;
        for (const MakefileAssignment& one : found->assignments)
            if (one.variable.starts_with("obj-") || one.variable.starts_with("subdir-"))
                for (const std::string& word : words_in(one.value, variables))
                    if (word.ends_with('/')) below.push_back(directory / word.substr(0, word.size() - 1));
        for (const fs::path& one : below) kbuild(one, given, depth + 1);
    }

    const LintSubject& subject_;
    std::set<std::pair<fs::path, std::string>> seen_;
    std::size_t expanded_ = 0; ///< bytes of words
    MakeReach reach_;
};

} // namespace

MakeReach make_reach(const LintSubject& subject) { return ReachFinder(subject).find(); }

} // namespace dkms
