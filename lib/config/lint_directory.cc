// SPDX-License-Identifier: LGPL-2.1-or-later
// A module's source as a whole: what should not lie in it, and what should.
#include "lib/config/line_pattern.h"
#include "lib/config/lint_parts.h"
#include "lib/config/source_text.h"
#include "lib/files/file_kind.h"
#include "lib/files/names_in.h"
#include "lib/process/descriptor.h"

#include <algorithm>
#include <cctype>
#include <system_error>

namespace dkms {
namespace {

/// Names of what a build leaves behind and make would trust.
bool is_built(const std::string& name)
{
    static const LinePattern left_over("\\.(ko|mod|mod\\.c|mod\\.o)$|^\\..*\\.(o|ko|mod)\\.cmd$");
    return left_over.fits(name);
}

bool is_licence(const std::string& name)
{
    static const LinePattern licence("^(copying|licen[cs]e|gpl|copyright|licenses)");
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return licence.fits(lower);
}

bool has_licence(const std::filesystem::path& directory)
{
    const auto names = names_in(directory).value_or(std::vector<std::string>());
    return std::any_of(names.begin(), names.end(), is_licence);
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

/// Scripts and patches may make the directory.
void look_for_locations(const LintSubject& subject, Findings& findings)
{
    if (!subject.value("PRE_BUILD").empty() || !subject.elements("PATCH").empty()) return;
    for (const ConfModule& record : subject.records()) {
        if (leads_to_directory(subject.directory / record.built_location)) continue;
        findings.add("location-missing", subject.conf, subject.outline.line_of("BUILT_MODULE_LOCATION", record.index),
                     {{"index", std::to_string(record.index)}, {"path", record.built_location}});
    }
}

} // namespace

void lint_directory(const LintSubject& subject, Findings& findings)
{
    look_for_built_files(subject, findings);
    if (!has_licence(subject.directory)) findings.add("no-licence", subject.directory, 0);
    look_for_locations(subject, findings);
}

} // namespace dkms
