// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/lint_recipes.h"

#include "lib/config/bad_command.h"

namespace dkms {

void lint_recipes(const LintSubject& subject, const MakeReach& reach, Findings& findings)
{
    for (const ReachedLine& line : reach.lines) {
        if (const auto word = writes_source(line.text, subject.context.module))
            findings.add("writes-source", line.file, line.line, {{"word", *word}});
        const auto bad = bad_command(line.text);
        if (!bad || bad->rule == "leaves-build") continue;
        const bool may_fail = line.may_fail || bad->may_fail;
        findings.add(bad->rule, line.file, line.line, {{"word", bad->word}},
                     may_fail ? Ground::likely : Ground::certain);
    }
}

} // namespace dkms
