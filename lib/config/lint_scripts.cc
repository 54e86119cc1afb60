// SPDX-License-Identifier: LGPL-2.1-or-later
// The scripts a configuration names.
#include "lib/config/bad_command.h"
#include "lib/config/bash_complaints.h"
#include "lib/config/line_pattern.h"
#include "lib/config/lint_parts.h"
#include "lib/config/make_reach.h"
#include "lib/config/source_text.h"
#include "lib/files/file_kind.h"
#include "lib/process/child.h"
#include "lib/process/refusal.h"

#include <array>
#include <chrono>
#include <optional>

#include <unistd.h>

#include <cerrno>

#include <sys/stat.h>

namespace dkms {
namespace {

struct ScriptRow {
    const char* directive;
    bool builds; ///< run while building: unprivileged, without a network, in a build directory
};
constexpr std::array<ScriptRow, 6> script_rows{{{"PRE_BUILD", true},
                                                {"POST_BUILD", true},
                                                {"POST_ADD", false},
                                                {"PRE_INSTALL", false},
                                                {"POST_INSTALL", false},
                                                {"POST_REMOVE", false}}};

/// What runs as a command without being a file: what a shell has of its own.
bool is_shell_word(const std::string& word)
{
    static const LinePattern words("^(cd|echo|export|if|for|test|\\[|set|\\.|source|exec|true|false|[A-Za-z_]+=.*)$");
    return words.fits(word);
}

class ScriptLint {
public:
    ScriptLint(const LintSubject& subject, Findings& findings) : subject_(subject), findings_(findings) {}

    void look()
    {
        for (const ScriptRow& row : script_rows)
            if (const auto words = words_of(subject_.value(row.directive)); !words.empty()) look_at(row, words.front());
    }

private:
    void look_at(const ScriptRow& row, const std::string& word)
    {
        const Parameters parameters{{"name", row.directive}, {"word", word}};
        const unsigned line = subject_.outline.line_of(row.directive);
        const auto script = (subject_.directory / word).lexically_normal();
        if (!leads_to_file(script)) {
            const bool command = is_shell_word(word) || find_program(word);
            findings_.add(command ? "script-is-command" : "script-missing", subject_.conf, line, parameters,
                          may_be_made(row) ? Ground::likely : Ground::certain);
            return;
        }
        struct stat facts {};
        if (::stat(script.c_str(), &facts) < 0) refuse_read(script, errno);
        if ((facts.st_mode & S_IXUSR) == 0) findings_.add("script-not-executable", subject_.conf, line, parameters);
        look_at_syntax(script);
        if (row.builds) look_at_text(script);
    }

    /// What bash says about a script that it, or a shell much like it, is to run. Nothing of it is run.
    void look_at_syntax(const std::filesystem::path& script)
    {
        static const LinePattern of_shell(
            "^#![[:blank:]]*([^[:blank:]]*/)?(env[[:blank:]]+)?(bash|sh|dash)([[:blank:]]|$)");
        const auto text = source_text(script);
        if (!text || text->empty()) return;
        const auto shell = of_shell.group(lines_of(*text).front(), 3);
        if (!shell || !find_program("bash")) return;
        Command command;
        command.argv = {"bash", "-n", "--", script.string()};
        command.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C"};
        CaptureLimits limits;
        limits.time = std::chrono::seconds(10);
        for (const BashComplaint& one : complaints_in(capture(std::move(command), limits).output, {{script, script}}))
            if (one.is_syntax())
                findings_.add("script-syntax", script, one.line, {{"text", one.text}},
                              *shell == "bash" ? Ground::certain : Ground::likely);
    }

    /// A patch, or what runs before, may write the script.
    bool may_be_made(const ScriptRow& row) const
    {
        if (!subject_.elements("PATCH").empty() || !subject_.value("POST_ADD").empty()) return true;
        return std::string_view(row.directive) != "PRE_BUILD" && make_reach(subject_).makes_files;
    }

    void look_at_text(const std::filesystem::path& script)
    {
        const auto text = source_text(script);
        if (!text) return;
        unsigned number = 0;
        for (const std::string_view line : lines_of(*text)) {
            ++number;
            if (number == 1 && line.ends_with('\r'))
                findings_.add("line-ends", script, 0, {{"file", script.filename()}});
            if (const auto word = writes_source(line, subject_.context.module))
                findings_.add("writes-source", script, number, {{"word", *word}});
            if (const auto bad = bad_command(line))
                findings_.add(bad->rule, script, number, {{"word", bad->word}},
                              bad->may_fail ? Ground::likely : Ground::certain);
        }
    }

    const LintSubject& subject_;
    Findings& findings_;
};

} // namespace

void lint_scripts(const LintSubject& subject, Findings& findings) { ScriptLint(subject, findings).look(); }

} // namespace dkms
