// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dbus/identity.h"

#include <sstream>

#include <sys/stat.h>

namespace dkms::bus {
namespace {

std::string line_of(const std::string& path)
{
    struct stat status {};
    if (::stat(path.c_str(), &status) < 0) status = {};
    return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) + " " + path;
}

} // namespace

std::string identity_of(const Places& places)
{
    return line_of(places.dkms_tree) + "\n" + line_of(places.source_tree) + "\n" + line_of(places.install_tree);
}

bool sees_the_same(std::string_view identity)
{
    std::istringstream lines{std::string(identity)};
    int compared = 0;
    for (std::string line; std::getline(lines, line); ++compared) {
        const auto blank = line.find(' ');
        if (blank == std::string::npos || line != line_of(line.substr(blank + 1))) return false;
    }
    return compared == 3;
}

std::filesystem::path install_tree_in(std::string_view identity)
{
    const std::string_view last = identity.substr(identity.rfind('\n') + 1);
    const auto blank = last.find(' ');
    return blank == std::string_view::npos ? std::filesystem::path() : std::filesystem::path(last.substr(blank + 1));
}

} // namespace dkms::bus
