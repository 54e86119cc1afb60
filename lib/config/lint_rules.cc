// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/lint_rules.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <tuple>

namespace dkms {
namespace {

constexpr auto error = Severity::error;
constexpr auto warning = Severity::warning;
constexpr auto note = Severity::note;

constexpr std::array table{
    // dkms.conf as a text
    LintRule{"conf-missing", error, "There is no dkms.conf in this directory.",
             "Write one; PACKAGE_NAME, PACKAGE_VERSION, BUILT_MODULE_NAME[0] and DEST_MODULE_LOCATION[0] are enough."},
    LintRule{"byte-order-mark", error, "The file begins with a byte order mark, so its first line is not understood.",
             "Save it as UTF-8 without a byte order mark."},
    LintRule{"line-ends", warning, "Lines end in CR LF; bash and make take the CR for a part of what stands before it.",
             "Convert the file: sed -i 's/\\r$//' {file}"},
    LintRule{"misspelt-directive", warning, "There is no directive {name}, so this has no effect.",
             "Did you mean {nearest}?"},
    LintRule{"outdated-directive", warning, "{name} has not been read for many years.", "Use {instead}."},
    LintRule{"deprecated-directive", warning, "{name} is deprecated.", "{remedy}"},
    LintRule{"blank-before-equals", error, "This runs {name} as a command instead of setting it.",
             "Leave no blank before and behind the equals sign."},
    LintRule{"bash-syntax", error, "bash does not understand this: {text}",
             "Correct it: what stands behind it is not read."},
    LintRule{"bash-says", warning, "bash says: {text}", "Correct it, or see to it that it cannot fail."},
    LintRule{"value-not-quoted", error,
             "The value of {name} ends at the blank; what follows, {word}, is run as a command.",
             "Put the whole value in quotation marks."},
    LintRule{"inner-quotes", warning,
             "Values are expanded twice, and the second time the inner quotation marks of {name} vanish: what stands "
             "between them falls apart.",
             "Use single quotes inside double ones, or put the command in a script."},
    LintRule{"late-variable", warning,
             "${variable} in {name} is expanded only when variables of this file are gone, and becomes empty.",
             "Use double quotes, so that it is expanded at once."},
    LintRule{"lines-run-together", warning,
             "A newline in {name} becomes a blank when the value is expanded again: two commands become one.",
             "Put && or ; between the commands."},
    LintRule{"blanks-run-together", note,
             "Several blanks or tabs in {name} become one when the value is expanded again.",
             "Put the command in a script where they matter."},
    LintRule{"uname-in-conf", warning, "uname -r is the kernel that runs, not the one that is built for.",
             "Use $kernelver."},
    LintRule{"uname-in-make", error,
             "{name} asks uname -r: it builds for the kernel that runs, whichever is asked for.",
             "Use $kernelver or $kernel_source_dir."},
    LintRule{"working-directory", warning, "The current directory is not the build directory while dkms.conf is read.",
             "Use $dkms_tree/$module/$module_version/build."},

    // its values
    LintRule{"conf-invalid", error, "{reason}", "Correct that directive; dkms.conf(5) explains each."},
    LintRule{"conf-doubtful", warning, "{reason}", "Correct that directive; dkms.conf(5) explains each."},
    LintRule{"required-missing", error, "{name} is missing.", "Add {name}=\"{example}\"."},
    LintRule{"name-invalid", error, "{reason}", "Use letters, digits, '.', '_', '+' and '-'."},
    LintRule{"placeholder", note, "{name} has a placeholder, {value}.",
             "See to it that packaging puts the real value in its place."},
    LintRule{"directory-name", note, "The directory is called {is}, not {should}.",
             "dkms add -m {name} -v {version} looks for /usr/src/{should}."},
    LintRule{
        "record-location", error, "{reason}",
        "Say where the module goes: DEST_MODULE_LOCATION[{index}]=\"/updates\", or a place below /kernel or /extra."},
    LintRule{"record-name", error, "{reason}",
             "Give each record a name of its own without .ko, that of the file the build makes."},
    LintRule{"bad-switch", error, "{name} is neither yes nor no but '{value}'.", "Write {name}=\"yes\", or nothing."},
    LintRule{"bad-expression", error, "{name} is not a valid extended regular expression: {value}",
             "See regex(7); put a backslash before a character that is meant as itself."},
    LintRule{"bad-match", warning, "{name} is not a valid extended regular expression, and is ignored: {value}",
             "See regex(7); put a backslash before a character that is meant as itself."},
    LintRule{"bad-config-words", warning, "BUILD_EXCLUSIVE_CONFIG holds '{value}', which is no option of the kernel.",
             "Write CONFIG_NAME, or !CONFIG_NAME for one that must not be set."},
    LintRule{"empty-range", error, "No kernel is between BUILD_EXCLUSIVE_KERNEL_MIN {min} and _MAX {max}.",
             "Exchange them."},
    LintRule{"behind-gap", warning, "{name} stands behind a gap in its array, and is ignored.",
             "Number the elements without a gap."},
    LintRule{"patch-missing", error, "The patch {name} is not in the directory patches.",
             "Put it there, or delete PATCH[{index}]."},
    LintRule{"patch-missing-for-some", note,
             "The patch {name} is not in the directory patches; builds for kernels that PATCH_MATCH fits will fail.",
             "Put it there, or delete PATCH[{index}]."},
    LintRule{"patch-outside", error, "The patch {name} leaves the directory patches; it is refused.",
             "Put the file into patches."},

    // commands and scripts
    LintRule{
        "make-ignores-kernel", warning,
        "{name} names neither $kernelver nor $kernel_source_dir: what it calls has to find out the kernel by itself.",
        "Hand the kernel to the Makefile, such as: make KDIR=$kernel_source_dir"},
    LintRule{"make-jobs", note,
             "{name} has a number of jobs of its own, which it runs whatever is being built beside it.",
             "Write -j$parallel_jobs, or leave -j out of a command that begins with make: then jobs are shared."},
    LintRule{"make-one-job", note, "{name} does not begin with the plain word make, so it runs one job at a time.",
             "If its Makefile can run several, write -j$parallel_jobs behind make."},
    LintRule{"make-installs", warning,
             "{name} installs; a build may write its build directory only, and is not run as root.",
             "Only build there; the modules of the records are installed later."},
    LintRule{"make-subdirs", warning, "SUBDIRS= is not known to kernels since 5.4, which then build nothing of yours.",
             "Use M= in its place; every kernel since 2.6 knows it."},
    LintRule{"make-in-source", warning,
             "{name} works in the source tree, not in the build directory, where patches are.",
             "Use $dkms_tree/$module/$module_version/build."},
    LintRule{"fixed-tree", note, "{name} holds the path /var/lib/dkms, which is wrong with another tree.",
             "Use $dkms_tree."},
    LintRule{"network", warning, "{word} needs a network; builds have none.", "Ship what is needed with the source."},
    LintRule{"needs-root", error, "{word} fails in a build: it does not run as root, and cannot become root.",
             "Leave signing to dkms (mok_signing_key in framework.conf(5)); install in POST_INSTALL."},
    LintRule{"signs-itself", warning, "{word} signs in the build, which may not read the machine's key.",
             "Leave signing to dkms (mok_signing_key in framework.conf(5))."},
    LintRule{"writes-source", warning,
             "{word} writes into the source; a build has a copy of it, which is gone afterwards.",
             "Write into the build directory."},
    LintRule{"leaves-build", warning,
             "{word} changes the system; a build may write its build directory only, and is not run as root.",
             "Do that in POST_INSTALL, or in the package's own scripts."},
    LintRule{"script-missing", error, "{name} names {word}, which is not in the source, so nothing is run.",
             "Put the script there, or delete {name}."},
    LintRule{"script-not-executable", error, "{name} names {word}, which is not executable, so it is not run.",
             "chmod +x {word}"},
    LintRule{"script-syntax", error, "bash does not understand this: {text}",
             "Correct it: the script ends there, if not before."},
    LintRule{"script-is-command", warning,
             "{name} names a command of the system, {word}; only scripts of the source are run, so nothing happens.",
             "Put the command in a script of the source, and name that."},

    // Makefiles and sources
    LintRule{"makefile-missing", error, "There is no Makefile or Kbuild file for {module}.",
             "Write one; 'obj-m := {module}.o' is enough for a module of one source file."},
    LintRule{"no-obj-m", error, "No Makefile has an obj-m, so the kernel's build makes no module.",
             "Add: obj-m := {module}.o"},
    LintRule{"module-not-made", error, "No Makefile makes {module}.ko, which record {index} asks for.",
             "Makefiles make {made}; correct BUILT_MODULE_NAME[{index}] or obj-m."},
    LintRule{"obj-config", warning,
             "{modules} built only if {variable} is set in the kernel's configuration, where nobody sets it for you.",
             "Replace obj-$({variable}) with obj-m, or hand {variable}=m to make."},
    LintRule{"obj-y", error, "{module} is in obj-y only, which is for what is linked into a kernel.",
             "Use obj-m in place of obj-y."},
    LintRule{"source-missing", error, "{object} has no source: {file} is not there.",
             "Put it into the source, or correct the list of objects."},
    LintRule{"location-missing", error, "BUILT_MODULE_LOCATION[{index}] is {path}, a directory that is not there.",
             "Name the directory below the source in which the build leaves the module."},
    LintRule{
        "uname-in-makefile", error,
        "uname -r is the kernel that runs; nothing in MAKE overrides it here, so other kernels get the wrong module.",
        "Take the kernel from a variable, and set it in MAKE: make KDIR=$kernel_source_dir"},
    LintRule{"uname-beside-make", warning, "uname -r is the kernel that runs, and MAKE does not set this variable.",
             "Set {variable} in MAKE, or derive it from what MAKE sets."},
    LintRule{"old-subdirs", warning, "SUBDIRS= is not known to kernels since 5.4.",
             "Use M= in its place; every kernel since 2.6 knows it."},
    LintRule{"old-flags", warning, "{name} is not known to kernels since 6.15.", "Use {instead} in its place."},
    LintRule{"built-files", warning,
             "{files} of an earlier build; make takes that for up to date, whatever the kernel.",
             "Clean the source before it is packaged."},
};

const LintRule& rule_named(std::string_view name)
{
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const LintRule& rule) { return rule.name == name; });
    if (found == table.end()) throw std::logic_error("no lint rule " + std::string(name));
    return *found;
}

std::string filled(std::string_view text, const Parameters& parameters)
{
    std::string result(text);
    for (const auto& [name, value] : parameters) {
        const std::string hole = "{" + name + "}";
        for (auto at = result.find(hole); at != std::string::npos; at = result.find(hole, at + value.size()))
            result.replace(at, hole.size(), value);
    }
    return result;
}

} // namespace

std::span<const LintRule> lint_rules() { return table; }

void Findings::add(std::string_view rule, const std::filesystem::path& file, unsigned line,
                   const Parameters& parameters, Ground ground)
{
    const LintRule& row = rule_named(rule);
    const bool doubtful = ground == Ground::likely && row.severity == Severity::error;
    const Severity severity = doubtful ? Severity::warning : row.severity;
    Finding finding{std::string(row.name),         severity, file.string(), line, filled(row.message, parameters),
                    filled(row.remedy, parameters)};
    const auto same = [&](const Counted& one) {
        return one.finding.rule == finding.rule && one.finding.file == finding.file &&
               one.finding.message == finding.message;
    };
    const auto before = std::find_if(found_.begin(), found_.end(), same);
    if (before == found_.end())
        found_.push_back({std::move(finding), {line}});
    else
        before->lines.insert(line);
}

bool Findings::has_errors() const
{
    return std::any_of(found_.begin(), found_.end(),
                       [](const Counted& one) { return one.finding.severity == Severity::error; });
}

bool Findings::has(const std::filesystem::path& file, unsigned line) const
{
    return std::any_of(found_.begin(), found_.end(),
                       [&](const Counted& one) { return one.finding.line == line && one.finding.file == file; });
}

std::vector<Finding> Findings::take()
{
    std::vector<Finding> result;
    for (Counted& one : found_) {
        if (const std::size_t more = one.lines.size() - 1; more > 0)
            one.finding.message += " (and " + std::to_string(more) + (more == 1 ? " more line)" : " more lines)");
        result.push_back(std::move(one.finding));
    }
    found_.clear();
    std::stable_sort(result.begin(), result.end(), [](const Finding& a, const Finding& b) {
        return std::tie(a.file, a.line) < std::tie(b.file, b.line);
    });
    return result;
}

} // namespace dkms
