// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/error_text.h"

#include "client/text.h"

#include <array>
#include <filesystem>
#include <optional>
#include <sstream>

#include <unistd.h>

namespace dkms::legacy {
namespace {

namespace fs = std::filesystem;
using enum ErrorCode;

/// The old program's sentences. In braces: parameters of the error; M, V, K and A are the module, its version, the
/// kernel and its architecture; LOG the log of its build.
struct Sentence {
    ErrorCode code;
    std::string_view text;
};
constexpr std::array sentences{
    Sentence{no_such_module, "The module/version combo: {M}/{V} is not located in the DKMS tree."},
    Sentence{already_added, "DKMS tree already contains: {M}/{V}\n"
                            "You cannot add the same module/version combo more than once."},
    Sentence{source_missing, "Could not find module source directory.\nDirectory: {path} does not exist."},
    Sentence{source_empty, "The directory {path} does not appear to have module source located within it.\n"
                           "Build halted."},
    Sentence{conf_missing, "Could not locate dkms.conf file.\nFile: {file} does not exist."},
    Sentence{broken_module, "{M}/{V} is broken!\nMissing the source directory or the symbolic link pointing to it.\n"
                            "Manual intervention is required!"},
    Sentence{missing_dependencies,
             "Aborting build of module {M}/{V} for kernel {K} ({A}) due to missing BUILD_DEPENDS: "
             "{dependencies}.\nYou may override by specifying --force."},
    Sentence{patch_missing, "Patch {patch} as specified in dkms.conf cannot be\nfound in {path}/."},
    Sentence{patch_outside, "Patch {patch} as specified in dkms.conf contains '..' path component."},
    Sentence{patch_failed, "Application of patch {patch} failed.\nConsult {LOG} for more information."},
    Sentence{build_failed, "Bad return status for module build on kernel: {K} ({A})\n"
                           "Consult {LOG} for more information."},
    Sentence{module_not_produced, "Build of {file} failed for: {K} ({A})\n"
                                  "Make sure the name and location of the generated module are correct,\n"
                                  "or consult {LOG} for more information."},
    Sentence{nothing_installable, "Installation aborted."},
    Sentence{pre_install_failed, "pre_install failed, aborting install.\nYou may override by specifying --force."},
    Sentence{depmod_failed, "Problems with depmod detected. Automatically uninstalling this module.\n"
                            "Install Failed (depmod problems). Module rolled back to built state."},
    Sentence{archive_missing, "{file} does not exist."},
    Sentence{autoinstall_failed, "One or more modules failed to install during autoinstall.\n"
                                 "Refer to previous errors for more information."},
};

/// The log of a build that failed, where people look for it: its record lies beside it, as <tree>/M/V/.make-K-A.log.
std::string log_of(const Error& error)
{
    const fs::path record = error.parameter("log");
    return (record.parent_path() / "build/make.log").string();
}

std::string value_of(std::string_view name, const Error& error, const Subject& subject)
{
    if (name == "M") return subject.module.name;
    if (name == "V") return subject.module.version;
    if (name == "K") return subject.kernel.release;
    if (name == "A") return subject.kernel.arch;
    if (name == "LOG") return log_of(error);
    return error.parameter(std::string(name));
}

std::string filled(std::string_view text, const Error& error, const Subject& subject)
{
    std::string result;
    while (!text.empty()) {
        const auto open = text.find('{');
        const auto close = text.find('}', open);
        result += text.substr(0, open);
        if (open == std::string_view::npos || close == std::string_view::npos) break;
        result += value_of(text.substr(open + 1, close - open - 1), error, subject);
        text.remove_prefix(close + 1);
    }
    return result;
}

/// <install tree>/K, from the path that an error about headers names.
fs::path kernel_directory(const Error& error)
{
    const fs::path path = error.parameter("path");
    return path.filename() == "build" || path.filename() == "source" ? path.parent_path() : path;
}

std::string headers_text(const Error& error, const Subject& subject)
{
    const std::string directory = kernel_directory(error).string();
    const std::string& release = subject.kernel.release;
    return "Your kernel headers for kernel " + release + " cannot be found at " + directory + "/build or " + directory +
           "/source.\nPlease install your distribution's kernel headers package matching " + release +
           ", or use the --kernelsourcedir option to tell DKMS where it's located.";
}

std::string no_kernel_text(const Error& error, const Subject& subject)
{
    if (error.parameter("exit_code") == "21" || subject.verb == Verb::build) return headers_text(error, subject);
    return "The directory " + error.parameter("path") +
           " doesn't exist.\nYou cannot install a module onto a non-existent kernel.";
}

/// The DKMS tree that a path of dkmsd's own lies in; any other path itself.
std::string tree_of(const std::string& path) { return path.substr(0, path.find("/.dkmsd")); }

/// Whether it is the kernel's directory that cannot be changed.
bool is_of_kernel(const Error& error, const Subject& subject)
{
    const fs::path path = error.parameter("path");
    return !subject.kernel.release.empty() && path.filename() == subject.kernel.release;
}

std::string plain_text(const Error& error)
{
    return by_its_own_name(error.message() + (error.hint().empty() ? "" : "\n" + error.hint()));
}

/// Which right was missing depends on the action.
std::string not_writable_text(const Error& error, const Subject& subject)
{
    const std::string reason = error.parameter("reason");
    const bool lacks_rights = reason == "Permission denied" && ::geteuid() != 0;
    if ((!lacks_rights && reason != "Read-only file system") || is_of_kernel(error, subject)) return plain_text(error);
    switch (subject.verb) {
    case Verb::add:
    case Verb::build:
    case Verb::unbuild:
    case Verb::remove:
        return "No write access to DKMS tree at " + tree_of(error.parameter("path"));
    default:
        return lacks_rights ? "You must be root to use this command." : plain_text(error);
    }
}

std::string already_added_text(const Error& error, const Subject& subject)
{
    if (error.parameter("exit_code") == "8") return error.parameter("module") + " is already added!\nAborting.";
    Subject loaded = subject;
    if (loaded.module.name.empty()) {
        const std::string module = error.parameter("module");
        loaded.module = {module.substr(0, module.find('/')), module.substr(module.find('/') + 1)};
    }
    return filled(sentences[1].text, error, loaded);
}

std::string missing_module_text(const Error& error)
{
    const fs::path path = error.parameter("path");
    return "Missing module " + path.stem().string() + " in " + path.parent_path().string();
}

/// What the old program would say, for those who look for that, and then the cause.
std::string restriction_text(const Error& error, const Subject& subject)
{
    const std::string script = error.parameter("script");
    const std::string known =
        script.empty() ? filled("Bad return status for module build on kernel: {K} ({A})\n", error, subject) : "";
    const std::string log =
        error.parameter("log").empty() ? "" : "\nConsult " + log_of(error) + " for more information.";
    return known + plain_text(error) + log;
}

/// What the build said, and what to do: below the path of the log, which holds the rest.
std::string with_reason(const std::string& text, const Error& error)
{
    const std::string excerpt = error.parameter("excerpt");
    if (excerpt.empty() || (error.code() != build_failed && error.code() != module_not_produced)) return text;
    return text + "\n" + excerpt + (error.hint().empty() ? "" : "\n" + error.hint());
}

/// Texts that need more than words filled in.
std::optional<std::string> special_text(const Error& error, const Subject& subject)
{
    if (!error.parameter("sentence").empty()) return plain_text(error); // worded by another version, and nothing else
    switch (error.code()) {
    case no_kernel_headers:
    case kernel_directory_dangling:
        return headers_text(error, subject);
    case no_such_kernel:
        return no_kernel_text(error, subject);
    case tree_not_writable:
        return not_writable_text(error, subject);
    case already_added:
        return already_added_text(error, subject);
    case conf_missing:
        if (subject.verb != Verb::load) return std::nullopt;
        return fs::path(error.parameter("file")).parent_path().string() + " must contain a dkms.conf file!";
    case install_failed:
        if (error.parameter("reason") != "this built module is missing") return std::nullopt;
        return missing_module_text(error);
    case sandbox_restriction:
        return restriction_text(error, subject);
    case script_failed:
        return "The " + error.parameter("script") + " script of " + error.parameter("module") + " ended with " +
               error.parameter("exit_code") + "." +
               (error.parameter("log").empty() ? "" : "\nConsult " + log_of(error) + " for more information.");
    default:
        return std::nullopt;
    }
}

/// What the reader of configurations said, each line with its mark, and the verdict on the file.
std::string bad_conf_text(const Error& error)
{
    const std::string reason = error.parameter("reason");
    std::istringstream faults(reason.empty() ? error.message() : reason);
    std::string lines;
    for (std::string fault; std::getline(faults, fault);) {
        constexpr std::string_view long_line = "does not begin with '/kernel'"; // was two
        if (const auto at = fault.find(long_line); at != std::string::npos)
            fault[fault.find("'/kernel'", at) - 1] = '\n';
        lines += "dkms.conf: Error! " + fault + "\n";
    }
    return error.parameter("complaints") + lines +
           framed("Bad conf file.\nFile: " + error.parameter("file") + " does not represent a valid dkms.conf file.");
}

std::string excluded_text(const Error& error, const Subject& subject)
{
    const fs::path conf = fs::path(error.parameter("tree")) / subject.module.name / subject.module.version /
                          subject.kernel.release / subject.kernel.arch / "dkms.conf";
    return "Warning: The " + conf.string() + "\nfor module " + subject.module.text() +
           " includes BUILD_EXCLUSIVE directives\nwhich do not match this kernel/arch/config for any modules.\n"
           "This indicates that it should not be built.\n";
}

} // namespace

std::string by_its_own_name(std::string text)
{
    // What stands behind the name means the same to both; dkms has no word for the rest.
    constexpr std::array<std::string_view, 10> same{
        "dkmsctl add ",     "dkmsctl remove ",     "dkmsctl build ",       "dkmsctl install ",
        "dkmsctl unbuild ", "dkmsctl uninstall ",  "dkmsctl autoinstall ", "dkmsctl status lists ",
        "dkmsctl works ",   "dkmsctl(1) for what "};
    constexpr std::size_t name = std::string_view("dkmsctl").size();
    for (const std::string_view words : same)
        for (std::size_t at = 0; (at = text.find(words, at)) != std::string::npos; at += 1) {
            const bool is_page = words[name] == '(';
            text.replace(at, is_page ? name + 3 : name, is_page ? "dkms(8)" : "dkms");
        }
    return text;
}

std::string framed(const std::string& text) { return "\nError! " + text + "\n"; }

std::string error_text(const Error& error, const Subject& subject)
{
    switch (error.code()) {
    case build_excluded:
        return excluded_text(error, subject);
    case conf_invalid:
    case conf_not_utf8:
    case conf_too_large:
    case conf_timeout:
        return bad_conf_text(error);
    default:
        break;
    }
    if (const auto special = special_text(error, subject)) return framed(*special);
    for (const Sentence& sentence : sentences)
        if (sentence.code == error.code()) return framed(with_reason(filled(sentence.text, error, subject), error));
    return framed(plain_text(error));
}

} // namespace dkms::legacy
