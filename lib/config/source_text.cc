// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/source_text.h"

#include "lib/files/walk.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"

#include <algorithm>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t longest_text = std::uintmax_t{1024} * 1024;
constexpr std::size_t most_files = 20000;
constexpr int deepest = 12;

} // namespace

std::optional<std::string> source_text(const fs::path& file)
{
    std::error_code failed;
    if (!fs::is_regular_file(file, failed) || fs::file_size(file, failed) > longest_text) return std::nullopt;
    std::string text;
    try {
        text = read_file(file, longest_text);
    } catch (const Error&) {
        return std::nullopt;
    }
    if (text.find('\0') != std::string::npos) return std::nullopt;
    return text;
}

std::vector<fs::path> source_files(const fs::path& directory)
{
    std::vector<fs::path> files;
    const auto visit = [&](const Found& found) {
        if (files.size() == most_files) throw EnoughSeen();
        struct stat facts = found.facts;
        if (S_ISLNK(facts.st_mode) && ::fstatat(found.directory, found.name.c_str(), &facts, 0) < 0) return; // dangling
        if (S_ISREG(facts.st_mode)) files.push_back(directory / found.path);
    };
    walk(directory, visit, [](const Found& found) {
        const auto depth = std::count(found.path.begin(), found.path.end(), '/');
        return found.name.front() != '.' && depth < deepest;
    });
    std::sort(files.begin(), files.end());
    return files;
}

} // namespace dkms
