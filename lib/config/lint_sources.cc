// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/lint_sources.h"

#include "lib/files/file_kind.h"

#include <algorithm>
#include <array>
#include <filesystem>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// Endings of files that kbuild, or a blob, makes an object from.
constexpr std::array<const char*, 11> source_endings{".c",   ".S",         ".s",        ".rs",        ".cc", ".cpp",
                                                     ".cxx", ".o_shipped", ".o_binary", ".c_shipped", ".o"};

using Assignments = std::vector<MakefileAssignment>;

/// NAME-objs, NAME-y and NAME-m of NAME.o.
bool is_parts_list(const std::string& variable, const std::string& object)
{
    const std::string stem = object.substr(0, object.size() - 2);
    return variable == stem + "-objs" || variable == stem + "-y" || variable == stem + "-m";
}

bool has_parts_list(const Assignments& assignments, const std::string& object)
{
    return std::any_of(assignments.begin(), assignments.end(),
                       [&](const MakefileAssignment& one) { return is_parts_list(one.variable, object); });
}

/// NAME-$(CONFIG_X), $(NAME)-objs and the like: parts that depend on something.
bool has_computed_list(const Assignments& assignments, const std::string& object)
{
    const std::string stem = object.substr(0, object.size() - 2) + "-";
    return std::any_of(assignments.begin(), assignments.end(), [&](const MakefileAssignment& one) {
        const bool computed = one.variable.find('$') != std::string::npos && !one.variable.starts_with("obj-");
        return one.variable.starts_with(stem) || computed;
    });
}

/// Whether there is something to make the object from.
bool has_source(const fs::path& source, const MakefileOutline& makefile, const std::string& object)
{
    const std::string stem = object.substr(0, object.size() - 2);
    if (makefile.makes(object) || makefile.makes(fs::path(object).filename()) || makefile.makes(stem + ".c"))
        return true;
    if (has_parts_list(makefile.assignments, object)) return true;
    if (!fs::path(stem).extension().empty()) return true; // x.asn1.o, x.tab.o: kbuild has rules for such
    for (const fs::path& directory : {makefile.file.parent_path(), source})
        for (const char* ending : source_endings)
            if (leads_somewhere(directory / (stem + ending))) return true;
    return false;
}

} // namespace

void lint_sources(const LintSubject& subject, const ListedObject& module, const MakefileVariables& given, Ground ground,
                  Findings& findings)
{
    const MakefileOutline& makefile = *module.makefile;
    if (makefile.includes) return;
    const auto look_for = [&](const std::string& object, const fs::path& file, unsigned line, bool sure) {
        if (has_source(subject.directory, makefile, object)) return;
        const fs::path stem = makefile.file.parent_path() / object.substr(0, object.size() - 2);
        const fs::path expected = (stem.string() + ".c");
        findings.add("source-missing", file, line,
                     {{"object", object}, {"file", expected.lexically_relative(subject.directory)}},
                     sure && module.sure ? ground : Ground::likely);
    };
    const MakefileVariables variables = makefile_variables(makefile, given);
    for (const MakefileAssignment& one : makefile.assignments) {
        if (!is_parts_list(one.variable, module.object)) continue;
        for (const auto& word : expanded_words(one.value, variables))
            if (word && word->ends_with(".o")) look_for(*word, one.file, one.line, one.sure);
    }
    const bool composite =
        has_parts_list(makefile.assignments, module.object) || has_computed_list(makefile.assignments, module.object);
    if (!composite) look_for(module.object, module.file, module.line, module.sure);
}

} // namespace dkms
