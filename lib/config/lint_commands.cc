// SPDX-License-Identifier: LGPL-2.1-or-later
// MAKE: the command that builds.
#include "lib/config/bad_command.h"
#include "lib/config/line_pattern.h"
#include "lib/config/lint_parts.h"

#include <array>

namespace dkms {
namespace {

/// Something that a command should not hold.
struct MakeRow {
    const char* rule;
    LinePattern pattern; ///< on the evaluated value
    const char* unless;  ///< a text that makes it harmless; may be empty
};

const std::array<MakeRow, 4>& make_rows()
{
    static const std::array<MakeRow, 4> rows{{
        {"make-quoted", LinePattern("^[[:blank:]]*['\"]make['\"]"), ""},
        {"make-jobs", LinePattern("make['\"]?([[:blank:]].*)?[[:blank:]](-j|--jobs)"), ""},
        {"make-installs",
         LinePattern("make['\"]?([[:blank:]]+[^;&|]*)?[[:blank:]](install|modules_install)([[:blank:];]|$)"),
         "DESTDIR="},
        {"make-subdirs", LinePattern("[[:blank:]]SUBDIRS="), " M="},
    }};
    return rows;
}

/// Whether the words behind make say to the Makefile which kernel it is, though the configuration does not.
bool begins_with_make(const std::string& command)
{
    static const LinePattern plain("^[[:blank:]]*make([[:blank:]]|$)");
    return plain.fits(command);
}

class CommandLint {
public:
    CommandLint(const LintSubject& subject, Findings& findings) : subject_(subject), findings_(findings) {}

    void look()
    {
        for (const auto& [index, command] : subject_.elements("MAKE")) look_at_make(index, command);
    }

private:
    void add(std::string_view rule, unsigned index, Parameters parameters = {})
    {
        parameters.emplace("name", subject_.element_text("MAKE", index));
        findings_.add(rule, subject_.conf, subject_.outline.line_of("MAKE", index), parameters);
    }

    void look_at_make(unsigned index, const std::string& command)
    {
        for (const MakeRow& row : make_rows())
            if (row.pattern.fits(command) && (*row.unless == '\0' || command.find(row.unless) == std::string::npos))
                add(row.rule, index);
        const bool prepared = !subject_.value("PRE_BUILD").empty() && !subject_.ignores_kernel("PRE_BUILD");
        if (subject_.ignores_kernel("MAKE", index) && !prepared)
            add(begins_with_make(command) ? "make-relies-on-release" : "make-ignores-kernel", index);
        const ModuleId& module = subject_.context.module;
        const auto source = subject_.context.places.source_tree / (module.name + "-" + module.version);
        if (command.find(source.string()) != std::string::npos) add("make-in-source", index);
        const ConfStatement* statement = subject_.outline.statement("MAKE", index);
        if (statement != nullptr && statement->raw.find("/var/lib/dkms") != std::string::npos) add("fixed-tree", index);
        if (const auto bad = bad_command(command)) add(bad->rule, index, {{"word", bad->word}});
    }

    const LintSubject& subject_;
    Findings& findings_;
};

} // namespace

void lint_commands(const LintSubject& subject, Findings& findings) { CommandLint(subject, findings).look(); }

} // namespace dkms
