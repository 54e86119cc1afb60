// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/first_error.h"

#include "lib/model/ids.h"

#include <array>
#include <charconv>
#include <vector>

namespace dkms {
namespace {

constexpr std::size_t longest = 300;

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// How well a line explains a failure: the earlier, the better.
enum class Rank { compiler, linker, banner, program, probe, make, none };

/// Whether a compiler's error is about a file that a build makes to try something out.
bool is_of_probe(std::string_view line)
{
    std::string_view file = line.substr(0, line.find(':'));
    if (const auto slash = file.rfind('/'); slash != std::string_view::npos) {
        if (has(file.substr(0, slash), "conftest")) return true;
        file.remove_prefix(slash + 1);
    }
    return has(file, "conftest") || file.starts_with("probe") || file == "<stdin>" || file.starts_with("cc1");
}

/// Whether `line` is "PROGRAM: …: `complaint`": a program's own report, not some text that ends that way.
bool is_report(std::string_view line, std::string_view complaint)
{
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos || !line.ends_with(complaint)) return false;
    const std::string_view program = line.substr(0, colon);
    return !program.empty() && program.find_first_of(" \t\"'") == std::string_view::npos;
}

/// "/bin/sh: 1: gawk: not found", "bash: line 2: gawk: command not found".
bool is_of_shell(std::string_view line)
{
    const std::string_view program = line.substr(0, line.find(':'));
    const bool shell = program.ends_with("sh") || line.starts_with("make");
    const bool in_script = program.find(' ') == std::string_view::npos && has(line, ": line ");
    return (shell || in_script) && (is_report(line, ": not found") || is_report(line, ": command not found"));
}

Rank rank_of_plain(std::string_view line)
{
    if (has(line, ": error: ") || has(line, ": fatal error: ")) return is_of_probe(line) ? Rank::probe : Rank::compiler;
    if (line.starts_with("ERROR: ") || line.starts_with("error: ")) return Rank::linker;
    if (has(line, ": undefined reference to ") || line.starts_with("ld: ") || has(line, "/ld: ") ||
        has(line, "ld.lld: error"))
        return is_of_probe(line) ? Rank::probe : Rank::linker;
    if (line.starts_with("make") && has(line, "***")) return Rank::make;
    if (has(line, ": *** ")) return Rank::program; // $(error …) of a Makefile: it names the file first
    if (line.starts_with("***")) return Rank::banner;
    if (is_of_shell(line)) return Rank::program;
    for (const std::string_view complaint :
         {"No such file or directory", "Permission denied", "Read-only file system", "Operation not permitted",
          "No such device", "Is a directory", "Not a directory", "File exists", "Network is unreachable",
          "Name or service not known", "Temporary failure in name resolution"})
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

/// "foo.c:31:9: error" → "foo.c:31: error"
void drop_column(std::string& line)
{
    const auto end = line.find(": ");
    if (end == std::string::npos) return;
    const auto colon = line.rfind(':', end - 1);
    if (colon == std::string::npos || colon == 0 || line.find(':') == colon) return;
    int column = 0;
    const auto read = std::from_chars(line.data() + colon + 1, line.data() + end, column);
    if (read.ptr == line.data() + end && read.ec == std::errc()) line.erase(colon, end - colon);
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
    drop_column(text);
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

/// What make and kbuild say while all goes well: it ends the text that explains a banner.
bool is_progress(std::string_view line)
{
    return line.starts_with("  ") || line.starts_with("make") || line.starts_with("warning: ") || line.starts_with("#");
}

/// The banner at `index` with what stands right before it, up to four lines in all.
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
    case Rank::program:
        return Blame::program;
    case Rank::make:
        return Blame::make;
    default:
        return Blame::unknown;
    }
}

/// "linux/gone.h" of "foo.c:1: fatal error: linux/gone.h: No such file or directory", or as clang says it.
std::string missing_header(std::string_view text)
{
    const auto begin = text.find("fatal error: ");
    if (begin == std::string_view::npos) return {};
    std::string_view rest = text.substr(begin + 13);
    if (rest.starts_with("'"))
        return has(rest, "' file not found") ? std::string(rest.substr(1, rest.find('\'', 1) - 1)) : "";
    const auto end = rest.find(": No such file or directory");
    return end == std::string_view::npos ? std::string() : std::string(rest.substr(0, end));
}

std::string remedy_for(std::string_view text, Blame blame)
{
    if (const std::string header = missing_header(text); !header.empty())
        return "The headers of this kernel do not contain " + header +
               ". If it is part of another driver, install that driver's headers or build its module first "
               "(BUILD_DEPENDS); otherwise a newer version of the module is needed.";
    if (blame == Blame::compiler) return {};
    if (is_of_shell(text)) {
        const std::string_view before = text.substr(0, text.rfind(": "));
        return "Install the package that contains the program " + std::string(before.substr(before.rfind(' ') + 1)) +
               ".";
    }
    return "What led to this is in the log.";
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
    FailureReason reason;
    reason.text =
        rank == Rank::banner ? with_explanation(lines, best, build_directory) : tidied(lines[best], build_directory);
    reason.blame = blame_of(rank);
    reason.remedy = remedy_for(reason.text, reason.blame);
    return reason;
}

std::string first_error(std::string_view output, std::string_view build_directory)
{
    return failure_reason(output, build_directory).text;
}

std::string complaints_in(std::string_view output, std::string_view build_directory)
{
    constexpr std::size_t most = 3;
    std::string text;
    std::size_t count = 0;
    for (const std::string_view line : lines_of(output)) {
        const Rank rank = rank_of(line);
        if (rank == Rank::none || rank == Rank::probe || count == most) continue;
        text += (count++ > 0 ? "\n" : "") + tidied(line, build_directory);
    }
    return text;
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
