// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/identity.h"

#include <algorithm>
#include <sstream>
#include <vector>

#include <sys/stat.h>

namespace dkms::bus {
namespace {

constexpr std::size_t trees = 3; // lines before that of the root directory

std::string line_of(const std::string& path)
{
    struct stat status {};
    if (::stat(path.c_str(), &status) < 0) status = {};
    return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) + " " + path;
}

std::vector<std::string> lines_of(std::string_view identity)
{
    std::istringstream text{std::string(identity)};
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
}

} // namespace

std::string identity_of(const Places& places)
{
    std::string text;
    for (const std::filesystem::path& tree : {places.dkms_tree, places.source_tree, places.install_tree})
        text += line_of(tree) + "\n";
    return text + line_of("/");
}

Sight sight_of(std::string_view identity)
{
    const std::vector<std::string> lines = lines_of(identity);
    if (lines.size() != trees + 1) return Sight::unknown;
    const auto is_here = [](const std::string& line) {
        const auto space = line.find(' ');
        return space != std::string::npos && line == line_of(line.substr(space + 1));
    };
    if (std::all_of(lines.begin(), lines.begin() + trees, is_here)) return Sight::same;
    return is_here(lines.back()) ? Sight::hidden : Sight::other_system;
}

PlaceOptions trees_in(std::string_view identity)
{
    const std::vector<std::string> lines = lines_of(identity);
    if (lines.size() < trees) return {};
    const auto path_in = [](const std::string& line) -> std::optional<std::filesystem::path> {
        const auto space = line.find(' ');
        if (space == std::string::npos) return std::nullopt;
        return std::filesystem::path(line.substr(space + 1));
    };
    return {std::nullopt, path_in(lines[0]), path_in(lines[1]), path_in(lines[2])};
}

std::filesystem::path install_tree_in(std::string_view identity)
{
    return trees_in(identity).install_tree.value_or(std::filesystem::path());
}

} // namespace dkms::bus
