// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/first_error.h"

#include "lib/model/ids.h"

#include <array>
#include <charconv>
#include <optional>
#include <vector>

namespace dkms {
namespace {

constexpr std::size_t longest = 300;

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// How well a line explains a failure: the lower the better; nothing for lines that do not.
std::optional<int> rank_of(std::string_view line)
{
    if (has(line, ": error: ") || has(line, ": fatal error: ")) return 0;
    if (line.starts_with("ERROR: ") || line.starts_with("error: ")) return 1;
    if (has(line, ": undefined reference to ") || has(line, "ld: ") || has(line, "ld.lld: error")) return 1;
    if (has(line, ": not found") || has(line, ": command not found") || has(line, "Permission denied")) return 2;
    if (line.starts_with("make") && has(line, "***")) return 3;
    if (has(line, ": *** ")) return 2; // $(error …) of a Makefile: it names the file first
    return std::nullopt;
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
    replace_all(text, std::string(build_directory) + "/", "");
    replace_all(text, "‘", "'");
    replace_all(text, "’", "'");
    drop_column(text);
    return shortened(std::move(text));
}

} // namespace

std::string first_error(std::string_view output, std::string_view build_directory)
{
    std::array<std::string_view, 4> best{};
    std::string_view last;
    while (!output.empty()) {
        const auto end = output.find('\n');
        const std::string_view line = output.substr(0, end);
        output.remove_prefix(end == std::string_view::npos ? output.size() : end + 1);
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        last = line;
        const auto rank = rank_of(without_escapes(line));
        if (!rank) continue;
        auto& place = best[static_cast<std::size_t>(*rank)];
        if (place.empty()) place = line;
        if (*rank == 0) break;
    }
    for (const std::string_view line : best)
        if (!line.empty()) return tidied(line, build_directory);
    return tidied(last, build_directory);
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
