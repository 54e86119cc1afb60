// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/inner_path.h"

#include "lib/model/ids.h"

#include <algorithm>
#include <vector>

namespace dkms {
namespace {

constexpr std::size_t longest_path = 4000;
constexpr std::size_t longest_part = 255;
constexpr std::size_t most_parts = 128;

std::vector<std::string_view> parts_of(std::string_view text)
{
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto slash = text.find('/');
        const auto part = text.substr(0, slash);
        if (!part.empty() && part != ".") parts.push_back(part);
        text.remove_prefix(slash == std::string_view::npos ? text.size() : slash + 1);
    }
    return parts;
}

bool is_control(char c)
{
    const auto byte = static_cast<unsigned char>(c);
    return byte < ' ' || byte == 0x7f;
}

} // namespace

std::string text_fault(std::string_view text)
{
    if (text.empty()) return "it has an entry without a name";
    const std::string name = "'" + shown_name(text) + "'";
    if (text.size() > longest_path) return "the path " + name + " is too long";
    if (!is_utf8(text)) return "the name " + name + " is not UTF-8";
    if (std::any_of(text.begin(), text.end(), is_control)) return "the name " + name + " holds control characters";
    return {};
}

InnerPath inner_path(std::string_view text)
{
    if (std::string fault = text_fault(text); !fault.empty()) return {{}, std::move(fault)};
    const std::string name = "'" + shown_name(text) + "'";
    if (text.front() == '/') return {{}, "the path " + name + " is absolute"};
    std::string path;
    const auto parts = parts_of(text);
    if (parts.size() > most_parts) return {{}, "the path " + name + " is too deep"};
    for (const std::string_view part : parts) {
        if (part == "..") return {{}, "the path " + name + " leaves the archive"};
        if (part.size() > longest_part) return {{}, "the path " + name + " is too long"};
        path += path.empty() ? "" : "/";
        path += part;
    }
    return {path, {}};
}

bool link_stays(std::size_t depth, std::string_view target)
{
    if (target.empty() || target.front() == '/') return false;
    bool descended = false;
    for (const std::string_view part : parts_of(target)) {
        if (part != "..") {
            descended = true;
            continue;
        }
        if (descended || depth == 0) return false;
        --depth;
    }
    return true;
}

std::size_t depth_of(std::string_view path)
{
    return static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
}

std::string shown_name(std::string_view name)
{
    constexpr std::size_t longest = 80;
    std::string result;
    for (const char c : name.substr(0, longest)) result += c < ' ' || c > '~' ? '?' : c;
    return name.size() > longest ? result + "…" : result;
}

} // namespace dkms
