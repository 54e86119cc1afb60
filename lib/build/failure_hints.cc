// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/failure_hints.h"

#include "lib/build/interface_changes.h"
#include "lib/config/line_pattern.h"
#include "lib/config/source_text.h"
#include "lib/files/file_kind.h"
#include "lib/files/names_in.h"
#include "lib/model/error.h"

#include <array>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// A cause that a line shows, and what to do about it. {1} stands for what the pattern's first group holds.
struct Cause {
    LinePattern pattern;
    std::string_view hint;
};

/// Those that lie outside of the module's source, in the order in which they are tried.
const std::array<Cause, 12>& causes()
{
    static const std::array<Cause, 12> table{{
        {LinePattern("(PREEMPT_RT|PREEMPT RT|real-time kernel|realtime kernel)"),
         "This is a real-time kernel (PREEMPT_RT), which the module does not support. Use a kernel without it, or a "
         "version of the "
         "module that knows it."},
        {LinePattern("Killed signal terminated program|virtual memory exhausted|Cannot allocate memory|out of memory"),
         "There was not enough memory. Build with fewer jobs (-j), or give builds more of it (memory in "
         "dkms-policy.conf(5))."},
        {LinePattern("unrecogni[sz]ed command[- ]line option '?([^'; ]+)"),
         "The compiler does not know the option {1}, which this kernel was built with: it is another compiler, or an "
         "older version. "
         "Install the one that the kernel was built with (CONFIG_CC_VERSION_TEXT in its configuration)."},
        {LinePattern("(unknown argument|unsupported option|unknown warning option):? '?([^'; ]+)"),
         "The compiler does not know an option that this kernel was built with: it is another compiler, or an older "
         "version. "
         "Install the one that the kernel was built with (CONFIG_CC_VERSION_TEXT in its configuration)."},
        {LinePattern("(incompatible gcc/plugin versions|cannot load plugin|bad value \\('[^']*'\\) for|code model "
                     "kernel does not)"),
         "The compiler is not the one that this kernel was built with. Install that one (CONFIG_CC_VERSION_TEXT in the "
         "kernel's "
         "configuration)."},
        {LinePattern(
             "(Could not resolve host|Network is unreachable|Temporary failure in name resolution|Connection refused)"),
         "The build wants to fetch something. Ship what is needed with the source."},
        {LinePattern("GPL-incompatible module .* uses GPL-only symbol '([^']+)'"),
         "This kernel gives {1} to modules under the GPL only. A version of the module that does without it is needed, "
         "or another "
         "kernel."},
        {LinePattern("Kernel configuration is invalid|generated/autoconf\\.h|asm/types\\.h|generated/utsrelease\\.h"),
         "The headers of this kernel are incomplete. Install their package again."},
        {LinePattern("No rule to make target '[^']*(modules|Makefile)'"),
         "The headers of this kernel are incomplete, or the module's Makefile looks for them in another place. Install "
         "their "
         "package again."},
        {LinePattern("No rule to make target '([^']+)', needed by"),
         "The source has no {1}: it is incomplete, or what makes that file did not run. Install the source again."},
        {LinePattern("No module named '?([^' ]+)"), "Install the package that contains Python's module {1}."},
        {LinePattern("Can't locate ([^ ]+) in @INC"), "Install the package that contains Perl's module {1}."},
    }};
    return table;
}

std::string filled(std::string_view hint, const std::string& first)
{
    std::string text(hint);
    if (const auto at = text.find("{1}"); at != std::string::npos) text.replace(at, 3, first);
    return text;
}

/// "/bin/sh: 1: pahole: not found", "make[1]: gcc-13: No such file or directory"
std::string missing_program(const std::string& text)
{
    static const LinePattern of_shell("^[^ ]*(sh|make[^ ]*): ((line )?[0-9]+: )?([^ :/]+): (command )?not found$");
    static const LinePattern of_make("^make[^ ]*: ([^ :/*]+): No such file or directory$");
    if (auto name = of_shell.group(text, 4)) return *name;
    return of_make.group(text, 1).value_or("");
}

std::string missing_header(const std::string& text)
{
    static const LinePattern gcc("fatal error: '?([^':]+)'?(: No such file or directory| file not found)");
    return gcc.group(text, 1).value_or("");
}

/// A directory that .gitmodules of the source names and in which there is nothing.
std::string empty_submodule(const fs::path& source)
{
    if (source.empty()) return {};
    const auto text = source_text(source / ".gitmodules");
    if (!text) return {};
    static const LinePattern path("^[[:blank:]]*path[[:blank:]]*=[[:blank:]]*([A-Za-z0-9][A-Za-z0-9_./+-]*)$");
    for (const std::string_view line : lines_of(*text)) {
        const auto name = path.group(line, 1);
        if (!name || name->find("..") != std::string::npos) continue;
        if (const auto names = names_in(source / *name); !names || names->empty()) return *name;
    }
    return {};
}

/// Only a source that can be looked at has something to tell.
std::string submodule_hint(const FailureContext& context)
{
    try {
        const std::string name = empty_submodule(context.source);
        if (name.empty()) return {};
        return "The source is incomplete: " + name +
               " is a submodule of git that was not fetched. In the source: git submodule update "
               "--init --recursive";
    } catch (const Error&) {
        return {};
    }
}

std::string header_hint(const std::string& header, const FailureContext& context)
{
    if (auto hint = change_hint(header, context.release); !hint.empty()) return hint;
    return "The headers of this kernel do not contain " + header +
           ". If it is part of another driver, install that driver's headers or build its module first "
           "(BUILD_DEPENDS); otherwise a "
           "newer version of the module is needed.";
}

} // namespace

std::string failure_hint(const FailureReason& reason, const FailureContext& context)
{
    if (reason.blame == Blame::nothing) return {};
    const std::string& text = reason.text;
    const std::string header = missing_header(text);
    if (!header.empty() || text.find("No rule to make target") != std::string::npos || reason.blame != Blame::compiler)
        if (auto hint = submodule_hint(context); !hint.empty()) return hint;
    for (const Cause& cause : causes())
        if (cause.pattern.fits(text)) return filled(cause.hint, cause.pattern.group(text, 1).value_or(""));
    if (!header.empty()) return header_hint(header, context);
    if (auto hint = interface_hint(text, context.release); !hint.empty()) return hint;
    if (reason.blame == Blame::compiler) return {};
    if (const std::string program = missing_program(text); !program.empty())
        return "Install the package that contains the program " + program + ".";
    if (reason.blame == Blame::program && text.find("*** ") != std::string::npos)
        return "The module's own build stopped itself, for the reason that it gives. Another kernel, or another "
               "version of the "
               "module, may be needed.";
    return {};
}

} // namespace dkms
