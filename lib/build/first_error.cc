// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/first_error.h"

#include "lib/model/ids.h"

#include <algorithm>
#include <array>
#include <vector>

namespace dkms {
namespace {

constexpr std::size_t longest = 300;

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// How well a line explains a failure: the earlier, the better.
enum class Rank { compiler, linker, banner, stop, program, probe, make_says, make, none };

/// Whether a compiler's error is about a file that a build makes to try something out.
bool is_of_probe(std::string_view line)
{
    std::string_view file = line.substr(0, line.find(':'));
    if (file.starts_with("/tmp/")) return true;
    if (const auto slash = file.rfind('/'); slash != std::string_view::npos) {
        if (has(file.substr(0, slash), "conftest")) return true;
        file.remove_prefix(slash + 1);
    }
    return has(file, "conftest") || file.starts_with("probe") || file == "<stdin>" || file.starts_with("cc1");
}

/// "PROGRAM: …": nothing with a blank or a quotation mark before the colon.
std::string_view program_of(std::string_view line)
{
    const auto colon = line.find(": ");
    const std::string_view program = line.substr(0, colon == std::string_view::npos ? 0 : colon);
    return program.find_first_of(" \t\"'") == std::string_view::npos ? program : std::string_view();
}

/// Whether `line` is "PROGRAM: …: `complaint`": a program's own report, not some text that ends that way.
bool is_report(std::string_view line, std::string_view complaint)
{
    return line.ends_with(complaint) && !program_of(line).empty();
}

/// "/bin/sh: 1: gawk: not found", "bash: line 2: gawk: command not found".
bool is_of_shell(std::string_view line)
{
    const std::string_view program = line.substr(0, line.find(':'));
    const bool shell = program.ends_with("sh") || line.starts_with("make");
    const bool in_script = program.find(' ') == std::string_view::npos && has(line, ": line ");
    return (shell || in_script) && (is_report(line, ": not found") || is_report(line, ": command not found"));
}

template <std::size_t Size>
bool has_any(std::string_view text, const std::array<std::string_view, Size>& parts)
{
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return has(text, part); });
}

/// What programs say at the end of a line when they cannot do something.
constexpr std::array<std::string_view, 20> complaints{"No such file or directory",
                                                      "Permission denied",
                                                      "Read-only file system",
                                                      "Operation not permitted",
                                                      "No such device",
                                                      "Is a directory",
                                                      "Not a directory",
                                                      "File exists",
                                                      "Network is unreachable",
                                                      "Connection refused",
                                                      "Connection timed out",
                                                      "Name or service not known",
                                                      "Exec format error",
                                                      "Text file busy",
                                                      "Cannot allocate memory",
                                                      "No space left on device",
                                                      "Segmentation fault",
                                                      "Argument list too long",
                                                      "Disk quota exceeded",
                                                      "Temporary failure in name resolution"};

/// What scripts in other languages, git and the like begin or end their last words with.
bool is_of_interpreter(std::string_view line)
{
    const std::string_view program = program_of(line);
    if (program == "fatal") return !has(line, "not a git repository"); // which scripts try, and go on
    if (line.starts_with("Can't locate ") || line.starts_with("configure: error: ")) return true;
    return (program.ends_with("Error") || program.ends_with("Exception")) && program.size() > 5;
}

/// A line that shouts "*** …": not a warning.
bool is_banner(std::string_view line)
{
    constexpr std::array<std::string_view, 6> harmless{"arning", "WARNING", "ote:", "NOTE", "INFO", "info"};
    return line.starts_with("***") && line.find_first_not_of("* \t") != std::string_view::npos &&
           !has_any(line, harmless);
}

/// Lines in which make gives a reason of its own, and does not only tell of a command that failed.
bool is_reason_of_make(std::string_view line)
{
    constexpr std::array<std::string_view, 3> reasons{"*** No ", "*** missing separator", "*** recipe commences"};
    return has_any(line, reasons);
}

Rank rank_of_compiler(std::string_view line)
{
    if (line.starts_with("configure: ")) return Rank::none;
    if (has(line, ": error: ") || has(line, ": fatal error: ")) return is_of_probe(line) ? Rank::probe : Rank::compiler;
    for (const std::string_view begin : {"ERROR: ", "error: ", "FATAL: ", "error["})
        if (line.starts_with(begin)) return Rank::linker;
    if (has(line, ": undefined reference to ") || line.starts_with("ld: ") || has(line, "/ld: ") ||
        has(line, "ld.lld: error"))
        return is_of_probe(line) ? Rank::probe : Rank::linker;
    return Rank::none;
}

Rank rank_of_plain(std::string_view line)
{
    const std::string_view bare = line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
    if (const Rank rank = rank_of_compiler(bare); rank != Rank::none) return rank;
    if (line.starts_with("make") && has(line, "***")) return is_reason_of_make(line) ? Rank::make_says : Rank::make;
    if (has(line, ": *** ")) return Rank::stop; // $(error …) of a Makefile: it names the file first
    if (is_banner(bare)) return Rank::banner;
    if (is_of_shell(line) || is_of_interpreter(line)) return Rank::program;
    for (const std::string_view complaint : complaints)
        if (is_report(line, complaint)) return Rank::program;
    return Rank::none;
}

std::string without_escapes(std::string_view line)
{
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\033' && i + 1 < line.size() && line[i + 1] == '[') {
            while (i < line.size() && line[i] != 'm' && line[i] != 'K') ++i;
        } else if (static_cast<unsigned char>(line[i]) >= ' ' || line[i] == '\t') {
            text += line[i];
        }
    }
    return text;
}

void replace_all(std::string& text, std::string_view what, std::string_view by)
{
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
}

std::string shortened(std::string line)
{
    if (line.size() <= longest) return line;
    line.resize(longest);
    while (!line.empty() && !is_utf8(line)) line.pop_back();
    return line + "…";
}

std::string tidied(std::string_view line, std::string_view build_directory)
{
    std::string text = without_escapes(line);
    if (!build_directory.empty()) replace_all(text, std::string(build_directory) + "/", "");
    replace_all(text, "‘", "'");
    replace_all(text, "’", "'");
    return shortened(std::move(text));
}

std::vector<std::string_view> lines_of(std::string_view output)
{
    std::vector<std::string_view> lines;
    while (!output.empty()) {
        const auto end = output.find('\n');
        const std::string_view line = output.substr(0, end);
        output.remove_prefix(end == std::string_view::npos ? output.size() : end + 1);
        if (line.find_first_not_of(" \t\r") != std::string_view::npos) lines.push_back(line);
    }
    return lines;
}

Rank rank_of(std::string_view line)
{
    std::string plain = without_escapes(line);
    plain.resize(plain.find_last_not_of(" \t\r") + 1);
    return rank_of_plain(plain);
}

/// What make, kbuild and configure say while all goes well: it ends the text that explains a banner.
bool is_progress(std::string_view line)
{
    constexpr std::array<std::string_view, 12> begins{"  ",
                                                      "make",
                                                      "warning: ",
                                                      "#",
                                                      "checking",
                                                      "configure:",
                                                      "config.status:",
                                                      "gcc",
                                                      "cc ",
                                                      "Skipping ",
                                                      "The kernel was built",
                                                      "\t"};
    return has(line, ": warning: ") || has(line, ": note: ") ||
           std::any_of(begins.begin(), begins.end(), [&](std::string_view begin) { return line.starts_with(begin); });
}

/// The line at `index` with what stands right before it, up to four lines in all.
std::string with_explanation(const std::vector<std::string_view>& lines, std::size_t index,
                             std::string_view build_directory)
{
    constexpr std::size_t most = 4;
    std::size_t first = index;
    while (first > 0 && index - first + 1 < most && !is_progress(lines[first - 1])) --first;
    std::string text;
    for (std::size_t i = first; i <= index; ++i)
        text += (i > first ? "\n" : "") + tidied_line(lines[i], build_directory);
    return text;
}

Blame blame_of(Rank rank)
{
    switch (rank) {
    case Rank::compiler:
    case Rank::linker:
    case Rank::probe:
        return Blame::compiler;
    case Rank::banner:
    case Rank::stop:
    case Rank::program:
        return Blame::program;
    case Rank::make_says:
    case Rank::make:
        return Blame::make;
    default:
        return Blame::unknown;
    }
}

} // namespace

std::string tidied_line(std::string_view line, std::string_view build_directory)
{
    return tidied(line, build_directory);
}

FailureReason failure_reason(std::string_view output, std::string_view build_directory)
{
    const auto lines = lines_of(output);
    if (lines.empty()) return {};
    std::size_t best = lines.size() - 1;
    Rank rank = Rank::none;
    for (std::size_t i = 0; i < lines.size() && rank != Rank::compiler; ++i)
        if (const Rank one = rank_of(lines[i]); one < rank) {
            rank = one;
            best = i;
        }
    const bool explained = rank == Rank::banner || rank == Rank::stop;
    return {explained ? with_explanation(lines, best, build_directory) : tidied(lines[best], build_directory),
            blame_of(rank)};
}

std::string first_error(std::string_view output, std::string_view build_directory)
{
    return failure_reason(output, build_directory).text;
}

std::string complaints_in(std::string_view output, std::string_view build_directory)
{
    constexpr std::size_t most = 3;
    std::string text;
    std::string of_make;
    std::string last;
    std::size_t count = 0;
    for (const std::string_view line : lines_of(output)) {
        const Rank rank = rank_of(line);
        if (!has(line, "ing directory '") && !line.starts_with("Skipping ")) last = tidied(line, build_directory);
        if (rank == Rank::none || rank == Rank::probe || count == most) continue;
        const bool make = rank == Rank::make_says || rank == Rank::make;
        if (make && of_make.empty()) of_make = tidied(line, build_directory);
        if (!make) text += (count++ > 0 ? "\n" : "") + tidied(line, build_directory);
    }
    if (text.empty()) text = of_make;
    return text.empty() ? last : text;
}

bool tells_of_full_disk(std::string_view output)
{
    return has(output, "No space left on device") || has(output, "Disk quota exceeded");
}

std::string complaint_of(const std::string& error_line)
{
    const auto at = error_line.find("error: ");
    return at == std::string::npos ? error_line : error_line.substr(at + 7);
}

} // namespace dkms
