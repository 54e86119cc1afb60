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

const std::array<MakeRow, 2>& make_rows()
{
    static const std::array<MakeRow, 2> rows{{
        {"make-installs",
         LinePattern("make['\"]?([[:blank:]]+[^;&|]*)?[[:blank:]](install|modules_install)([[:blank:];]|$)"),
         "DESTDIR="},
        {"make-subdirs", LinePattern("[[:blank:]]SUBDIRS="), " M="},
    }};
    return rows;
}

class CommandLint {
public:
    CommandLint(const LintSubject& subject, Findings& findings) : subject_(subject), findings_(findings) {}

    void look()
    {
        for (const auto& [index, command] : subject_.elements("MAKE")) look_at_make(index, command);
    }

private:
    void add(std::string_view rule, unsigned index, Parameters parameters = {}, Ground ground = Ground::certain)
    {
        parameters.emplace("name", subject_.element_text("MAKE", index));
        findings_.add(rule, subject_.conf, subject_.outline.line_of("MAKE", index), parameters, ground);
    }

    void look_at_make(unsigned index, const std::string& command)
    {
        for (const MakeRow& row : make_rows())
            if (row.pattern.fits(command) && (*row.unless == '\0' || command.find(row.unless) == std::string::npos))
                add(row.rule, index);
        look_for_uname(index);
        look_at_jobs(index, command);
        // A word make at the beginning is given KERNELRELEASE; what the Makefile makes of it is seen there.
        static const LinePattern plain("^[[:blank:]]*make([[:blank:]]|$)");
        const bool prepared = !subject_.value("PRE_BUILD").empty() && !subject_.ignores_kernel("PRE_BUILD");
        if (subject_.ignores_kernel("MAKE", index) && !prepared && !plain.fits(command))
            add("make-ignores-kernel", index);
        const ModuleId& module = subject_.context.module;
        const auto source = subject_.context.places.source_tree / (module.name + "-" + module.version);
        if (command.find(source.string()) != std::string::npos) add("make-in-source", index);
        const ConfStatement* statement = subject_.outline.statement("MAKE", index);
        if (statement != nullptr && statement->raw.find("/var/lib/dkms") != std::string::npos) add("fixed-tree", index);
        if (const auto bad = bad_command(command))
            add(bad->rule, index, {{"word", bad->word}}, bad->may_fail ? Ground::likely : Ground::certain);
    }

    /// Certain where the command is the same for every kernel but the one that runs.
    void look_for_uname(unsigned index)
    {
        static const LinePattern uname("uname[[:blank:]]+(-[a-z]*r|--kernel-release)");
        const ConfStatement* statement = subject_.outline.statement("MAKE", index);
        if (statement == nullptr || !uname.fits(statement->raw)) return;
        add("uname-in-make", index, {}, subject_.ignores_kernel("MAKE", index) ? Ground::certain : Ground::likely);
    }

    /// Jobs are shared with other builds where make is plainly called, or told DKMS's number (lib/build/job_share).
    void look_at_jobs(unsigned index, const std::string& command)
    {
        static const LinePattern has_jobs("make['\"]?([[:blank:]][^;&|]*)?[[:blank:]](-j|--jobs)");
        static const LinePattern plain("^[[:blank:]]*make([[:blank:]]|$)");
        static const LinePattern calls_make("(^|[;&|([:blank:]])['\"\\\\]?make(['\";&|)[:blank:]]|$)");
        const ConfStatement* statement = subject_.outline.statement("MAKE", index);
        if (statement != nullptr && statement->raw.find("parallel_jobs") != std::string::npos) return;
        if (has_jobs.fits(command))
            add("make-jobs", index);
        else if (!plain.fits(command) && calls_make.fits(command))
            add("make-one-job", index);
    }

    const LintSubject& subject_;
    Findings& findings_;
};

} // namespace

void lint_commands(const LintSubject& subject, Findings& findings) { CommandLint(subject, findings).look(); }

} // namespace dkms
