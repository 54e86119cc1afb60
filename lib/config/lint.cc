// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/lint.h"

#include "lib/config/conf_bash.h"
#include "lib/config/conf_native.h"
#include "lib/config/lint_parts.h"
#include "lib/files/file_kind.h"

#include <algorithm>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr const char* conf_name = "dkms.conf";

/// The variables the file sets, without overrides.
ConfVariables evaluate(const ConfSource& source, const ConfContext& context,
                       std::vector<BashComplaint>* complaints = nullptr)
{
    const ConfScope scope = conf_scope(context);
    if (auto natively = evaluate_natively({&source, 1}, scope)) return std::move(*natively);
    return evaluate_with_bash({&source, 1}, scope, {}, complaints);
}

/// The context as another kernel has it: with a name that differs and yet is judged alike by the conditions in a file.
ConfContext for_other_kernel(ConfContext context)
{
    context.kernel.release += "-other";
    context.kernel_source_dir = context.places.install_tree / context.kernel.release / "build";
    return context;
}

/// Evaluates the configuration: once to learn the module's name, which it may use itself, once for each of two kernels.
void evaluate(LintSubject& subject, const ConfSource& source)
{
    const ConfVariables first = evaluate(source, subject.context);
    subject.context.module = {ConfValues(first).value("PACKAGE_NAME"), ConfValues(first).value("PACKAGE_VERSION")};
    subject.variables = evaluate(source, subject.context, &subject.complaints);
    subject.other_variables = evaluate(source, for_other_kernel(subject.context));
}

LintSubject subject_of(const fs::path& conf, const fs::path& directory, const ConfContext& context)
{
    LintSubject subject;
    subject.conf = conf;
    subject.directory = directory;
    subject.context = context;
    return subject;
}

void look(LintSubject& subject, Findings& findings)
{
    const ConfSource source = read_conf_source(subject.conf);
    subject.text = source.text;
    subject.dos_line_ends = source.rewritten;
    subject.outline = conf_outline(subject.text);
    lint_text(subject, findings);
    try {
        evaluate(subject, source);
    } catch (const Error& error) {
        findings.add("conf-invalid", subject.conf, 0, {{"reason", error.message()}});
        return;
    }
    lint_values(subject, findings);
    lint_commands(subject, findings);
    if (!subject.has_source()) return;
    lint_scripts(subject, findings);
    lint_makefiles(subject, findings);
    lint_directory(subject, findings);
}

} // namespace

std::string LintSubject::element_text(const std::string& name, unsigned index) const
{
    const ConfStatement* statement = outline.statement(name, index);
    const bool bare = statement == nullptr || (statement->index.empty() && index == 0);
    return bare && index == 0 ? name : name + "[" + std::to_string(index) + "]";
}

namespace {

/// A place below the build directory, written with a '/' before it or without.
std::string below(const std::string& location)
{
    return location.substr(std::min(location.find_first_not_of('/'), location.size()));
}

} // namespace

std::vector<ConfModule> LintSubject::records() const
{
    std::vector<ConfModule> found;
    for (const auto& [index, name] : elements("BUILT_MODULE_NAME")) {
        ConfModule record;
        record.index = index;
        record.built_name = name;
        record.built_location = below(value("BUILT_MODULE_LOCATION", index));
        found.push_back(std::move(record));
    }
    if (found.empty() && !value("DEST_MODULE_LOCATION").empty()) {
        ConfModule record;
        record.built_name = value("PACKAGE_NAME");
        record.built_location = below(value("BUILT_MODULE_LOCATION"));
        found.push_back(std::move(record));
    }
    return found;
}

bool LintSubject::ignores_kernel(const std::string& name, unsigned index) const
{
    const std::string other = ConfValues(other_variables).value(name, index);
    return !other.empty() && other == value(name, index);
}

std::vector<Finding> lint(const fs::path& path, const ConfContext& context)
{
    Findings findings;
    const bool whole = leads_to_directory(path);
    const fs::path conf = whole ? path / conf_name : path;
    const bool beside_source = whole || path.filename() == conf_name;
    if (whole && !is_present(conf)) {
        findings.add("conf-missing", conf, 0);
        return findings.take();
    }
    LintSubject subject = subject_of(conf, beside_source ? conf.parent_path() : fs::path(), context);
    look(subject, findings);
    return findings.take();
}

} // namespace dkms
