// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>

namespace dkms {

/// Whose words say why a build failed.
enum class Blame {
    compiler, ///< or modpost, or the linker
    program,  ///< another program that said what it could not do; a Makefile that stops the build by itself
    make,     ///< make alone: a command of its recipe ended with an error and had said nothing
    unknown,  ///< the last line of the output, whatever it is
    nothing,  ///< there is no output
};

/// The lines of a build's output that say best why it failed. What to do about it: lib/build/failure_hints.h.
struct FailureReason {
    std::string text; ///< as first_error()
    Blame blame = Blame::nothing;
};
FailureReason failure_reason(std::string_view output, std::string_view build_directory);

/// The line of a build's output that says best why it failed: the compiler's first error, else the first one of
/// modpost, the linker, another program or make; else the last line. Errors of probes (conftest, what is compiled in
/// /tmp) come after all others but make's: a build that probes for what the kernel has fails most of these on purpose.
/// What a module's build says of itself ("*** Failed the sanity check ***", $(error …) of a Makefile) comes with the
/// lines right before it, which explain it: up to four lines.
/// Lines of at most 300 bytes: without colours, paths relative to `build_directory` ("driver/foo.c:31:9: error: …").
/// Empty for an empty output.
std::string first_error(std::string_view output, std::string_view build_directory);

/// The lines in which programs say what they could not do, the first three; those of make only if there are no others;
/// without any the last line that says what was done. For a build that ended well without making what it should.
std::string complaints_in(std::string_view output, std::string_view build_directory);

/// One line as people get to see it: without colours, and short.
std::string tidied_line(std::string_view line, std::string_view build_directory);

/// Whether the output tells of a full disk.
bool tells_of_full_disk(std::string_view output);

/// What is wrong, without where: "too few arguments …" of "foo.c:31:9: error: too few arguments …".
std::string complaint_of(const std::string& error_line);

} // namespace dkms
