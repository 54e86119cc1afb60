// SPDX-License-Identifier: LGPL-2.1-or-later
// What a configuration says: names, records, bounds, patches.
#include "lib/config/conf_records.h"
#include "lib/config/expression.h"
#include "lib/config/line_pattern.h"
#include "lib/config/lint_parts.h"
#include "lib/files/file_kind.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace dkms {
namespace {

/// Those that keep a module from being built when they are wrong, and one that is ignored.
constexpr std::array<const char*, 3> expression_directives{"BUILD_EXCLUSIVE_KERNEL", "BUILD_EXCLUSIVE_ARCH",
                                                           "PATCH_MATCH"};
constexpr const char* ignored_expression = "MAKE_MATCH";
constexpr std::array<const char*, 3> switches{"AUTOINSTALL", "NO_WEAK_MODULES", "BUILD_DEPENDS_REBUILD"};

bool is_yes_or_no(const std::string& value)
{
    static const LinePattern known("^[[:blank:]]*([yY]([eE][sS])?|[nN][oO]?)?[[:blank:]]*$");
    return known.fits(value);
}

/// The part of a value that packaging fills in, whichever way it is marked: @NAME@, #NAME#, %NAME%, %{name}, {{ name
/// }}, <name>, $NAME$, __NAME__, or words that ask for it.
std::optional<std::string> placeholder_in(const std::string& value)
{
    static const LinePattern marked("(@@?[A-Za-z_][A-Za-z0-9_. -]*@@?|##?[A-Za-z_][A-Za-z0-9_. -]*##?|"
                                    "%%?[A-Za-z_][A-Za-z0-9_.-]*%%?|%\\{[^}]*\\}|[{][{][^}]*[}][}]|<[A-Za-z_][^<>]*>|"
                                    "[$][A-Za-z_][A-Za-z0-9_]*[$]|[$]\\{[A-Z_]*(NAME|VERSION)\\}|__[A-Z][A-Z0-9_]*__)");
    static const LinePattern words(
        "^(\\[?(x\\.y(\\.z)?|X\\.Y(\\.Z)?|(PACKAGE_|MODULE_|PKG_?|INSERT_?|REPLACE_?|YOUR_?|THE_?|MY_?)?"
        "(NAME|VERSION|VER|MODULE|PACKAGE)(_HERE)?|CHANGE_?ME|REPLACE_?ME|FIX_?ME|TO_?DO|TBD|XXX+)\\]?)$");
    if (auto found = marked.group(value, 1)) return found;
    return words.group(value, 1);
}

class ValueLint {
public:
    ValueLint(const LintSubject& subject, Findings& findings) : subject_(subject), findings_(findings) {}

    void look()
    {
        look_at_complaints();
        look_at_required();
        look_at_records();
        for (const char* name : switches) look_at_switch(name);
        for (const char* name : expression_directives)
            for (const auto& [index, value] : subject_.elements(name)) look_at_expression(name, index, value);
        for (const auto& [index, value] : subject_.elements(ignored_expression))
            if (!expression_fits(value, "")) add("bad-match", ignored_expression, index, {{"value", value}});
        for (const auto& [index, value] : subject_.elements("BUILD_EXCLUSIVE_CONFIG")) look_at_options(index, value);
        for (const char* name : {"MAKE", "PATCH"}) look_behind_gap(name);
        look_at_range();
        if (subject_.has_source())
            for (const auto& [index, value] : subject_.elements("PATCH")) look_at_patch(index, value);
        look_at_the_whole();
    }

private:
    void add(std::string_view rule, const std::string& name, unsigned index, Parameters parameters)
    {
        parameters.emplace("name", subject_.element_text(name, index));
        findings_.add(rule, subject_.conf, subject_.outline.line_of(name, index), parameters);
    }

    /// What a rule has found in that line already is its reason, in better words.
    void look_at_complaints()
    {
        for (const BashComplaint& one : subject_.complaints)
            if (one.is_syntax() || !findings_.has(subject_.conf, one.line))
                findings_.add(one.is_syntax() ? "bash-syntax" : "bash-says", subject_.conf, one.line,
                              {{"text", one.text}});
    }

    void look_at_required()
    {
        const bool named = look_at_identity("PACKAGE_NAME", "hello", check_module_name);
        const bool versioned = look_at_identity("PACKAGE_VERSION", "1.0", check_module_version);
        for (const char* name : {"BUILT_MODULE_NAME", "DEST_MODULE_NAME", "DEST_MODULE_LOCATION"})
            for (const auto& [index, value] : subject_.elements(name)) look_for_placeholder(name, index, value);
        static const LinePattern in_command(
            "(@[A-Z_]+@|[{][{][^}]*[}][}])"); // the other marks mean something to a shell
        for (const auto& [index, command] : subject_.elements("MAKE"))
            if (const auto found = in_command.group(command, 1)) add("placeholder", "MAKE", index, {{"value", *found}});
        if (named && versioned) look_at_directory_name();
    }

    /// What packaging fills in; says so. A value that has one is not looked at further.
    bool look_for_placeholder(const std::string& name, unsigned index, const std::string& value)
    {
        const auto found = placeholder_in(value);
        if (found) add("placeholder", name, index, {{"value", *found}});
        is_template_ = is_template_ || found;
        return found.has_value();
    }

    /// Whether it is there and valid.
    bool look_at_identity(const std::string& name, const char* example, void (*check)(std::string_view))
    {
        const std::string value = subject_.value(name);
        if (value.empty()) return add("required-missing", name, 0, {{"example", example}}), false;
        if (look_for_placeholder(name, 0, value)) return false;
        try {
            check(value);
        } catch (const Error& error) {
            return add("name-invalid", name, 0, {{"reason", error.message()}}), false;
        }
        return true;
    }

    void look_at_directory_name()
    {
        if (!subject_.has_source()) return;
        const std::string name = subject_.value("PACKAGE_NAME");
        const std::string version = subject_.value("PACKAGE_VERSION");
        const std::string is = subject_.directory.filename();
        const std::string should = name + "-" + version;
        if (is != should)
            findings_.add("directory-name", subject_.conf, 0,
                          {{"is", is}, {"should", should}, {"name", name}, {"version", version}});
    }

    void look_at_records()
    {
        const auto faults =
            conf_records(ConfValues(subject_.variables), subject_.value("PACKAGE_NAME"), Strictness::strict).faults;
        for (const RecordFault& fault : faults) {
            if (follows_from_another(fault, faults)) continue;
            if (placeholder_in(subject_.value(fault.directive, fault.index))) continue;
            const bool location = fault.directive == "DEST_MODULE_LOCATION";
            // Where the directive itself is missing, the record's name shows the place.
            const bool missing = subject_.value(fault.directive, fault.index).empty();
            const unsigned line =
                subject_.outline.line_of(missing ? "BUILT_MODULE_NAME" : fault.directive, fault.index);
            findings_.add(location ? "record-location" : "record-name", subject_.conf, line,
                          {{"reason", fault.reason}, {"index", std::to_string(fault.index)}});
        }
    }

    /// A name to install under that is not given is the name that is built, with the same fault.
    bool follows_from_another(const RecordFault& fault, const std::vector<RecordFault>& faults) const
    {
        if (fault.directive != "DEST_MODULE_NAME" || !subject_.value(fault.directive, fault.index).empty())
            return false;
        return std::any_of(faults.begin(), faults.end(), [&](const RecordFault& other) {
            return other.index == fault.index && other.directive == "BUILT_MODULE_NAME";
        });
    }

    void look_at_switch(const char* name)
    {
        const std::string value = subject_.value(name);
        if (!is_yes_or_no(value)) add("bad-switch", name, 0, {{"value", value}});
    }

    void look_at_expression(const char* name, unsigned index, const std::string& value)
    {
        if (!expression_fits(value, "")) add("bad-expression", name, index, {{"value", value}});
    }

    void look_at_options(unsigned index, const std::string& value)
    {
        static const LinePattern option("^!?CONFIG_[A-Za-z0-9_]+$");
        for (const std::string& word : words_of(value))
            if (!option.fits(word)) add("bad-config-words", "BUILD_EXCLUSIVE_CONFIG", index, {{"value", word}});
    }

    /// See ConfValues::counted().
    void look_behind_gap(const char* name)
    {
        const auto counted = ConfValues(subject_.variables).counted(name);
        for (const auto& [index, value] : subject_.elements(name))
            if (counted.count(index) == 0) add("behind-gap", name, index, {{"index", std::to_string(index)}});
    }

    void look_at_range()
    {
        for (const auto& [index, min] : subject_.elements("BUILD_EXCLUSIVE_KERNEL_MIN")) {
            const std::string max = subject_.value("BUILD_EXCLUSIVE_KERNEL_MAX", index);
            if (!max.empty() && compare_versions(min, max) > 0)
                add("empty-range", "BUILD_EXCLUSIVE_KERNEL_MIN", index, {{"min", min}, {"max", max}});
        }
    }

    void look_at_patch(unsigned index, const std::string& file)
    {
        const std::filesystem::path relative(file);
        const bool outside =
            relative.is_absolute() || std::find(relative.begin(), relative.end(), "..") != relative.end();
        if (!outside && leads_to_file(subject_.directory / "patches" / relative)) return;
        const std::string match = subject_.value("PATCH_MATCH", index);
        const bool wanted = match.empty() || expression_fits(match, subject_.context.kernel.release).value_or(true);
        const char* rule = outside ? "patch-outside" : wanted ? "patch-missing" : "patch-missing-for-some";
        findings_.add(rule, subject_.conf, subject_.outline.line_of("PATCH", index),
                      {{"name", file}, {"index", std::to_string(index)}});
    }

    /// What the strict reader has to say, where nothing above has said it already.
    void look_at_the_whole()
    {
        try {
            const Conf conf = typed_conf(subject_.conf, subject_.variables, subject_.context, Strictness::strict);
            for (const std::string& warning : conf.warnings)
                if (!warning.starts_with("The expression "))
                    findings_.add("conf-doubtful", subject_.conf, 0, {{"reason", warning}});
        } catch (const Error& error) {
            if (!findings_.has_errors() && !is_template_)
                findings_.add("conf-invalid", subject_.conf, 0, {{"reason", error.message()}});
        }
    }

    const LintSubject& subject_;
    Findings& findings_;
    bool is_template_ = false;
};

} // namespace

void lint_values(const LintSubject& subject, Findings& findings) { ValueLint(subject, findings).look(); }

} // namespace dkms
