// SPDX-License-Identifier: LGPL-2.1-or-later
// A module's source as a whole: what should not lie in it, and what should.
#include "lib/config/line_pattern.h"
#include "lib/config/lint_parts.h"
#include "lib/config/make_reach.h"
#include "lib/config/source_text.h"
#include "lib/files/file_kind.h"

#include <algorithm>

namespace dkms {
namespace {

/// Names of what a build leaves behind and make would trust.
bool is_built(const std::string& name)
{
    static const LinePattern left_over("\\.(ko|mod|mod\\.c|mod\\.o)$|^\\..*\\.(o|ko|mod)\\.cmd$");
    return left_over.fits(name);
}

void look_for_built_files(const LintSubject& subject, Findings& findings)
{
    std::vector<std::filesystem::path> built;
    for (const auto& file : source_files(subject.directory))
        if (is_built(file.filename())) built.push_back(file);
    if (built.empty()) return;
    std::string files = built.front().lexically_relative(subject.directory);
    files += built.size() == 1 ? " is" : " and " + std::to_string(built.size() - 1) + " more are";
    findings.add("built-files", built.front(), 0, {{"files", files}});
}

/// Scripts, patches and what MAKE runs may make the directory.
void look_for_locations(const LintSubject& subject, Findings& findings)
{
    for (const ConfModule& record : subject.records()) {
        if (leads_to_directory(subject.directory / record.built_location)) continue;
        const MakeReach reach = make_reach(subject);
        if (reach.makes_files) return;
        findings.add("location-missing", subject.conf, subject.outline.line_of("BUILT_MODULE_LOCATION", record.index),
                     {{"index", std::to_string(record.index)}, {"path", record.built_location}},
                     reach.complete ? Ground::certain : Ground::likely);
    }
}

} // namespace

void lint_directory(const LintSubject& subject, Findings& findings)
{
    look_for_built_files(subject, findings);
    look_for_locations(subject, findings);
}

} // namespace dkms
