// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/source_text.h"

#include "lib/files/walk.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr off_t longest_text = off_t{1024} * 1024;
constexpr std::size_t most_files = 20000;
constexpr int deepest = 12;

/// Of what a link leads to, also one in a circle.
bool is_absent(int number) { return means_absent(number) || number == ELOOP; }

} // namespace

std::optional<std::string> source_text(const fs::path& file)
{
    struct stat facts {};
    if (::stat(file.c_str(), &facts) < 0 && !is_absent(errno)) refuse_read(file, errno);
    if (!S_ISREG(facts.st_mode) || facts.st_size > longest_text) return std::nullopt;
    auto text = read_file_if_present(file);
    if (text && text->find('\0') != std::string::npos) return std::nullopt;
    return text;
}

std::vector<fs::path> source_files(const fs::path& directory)
{
    std::vector<fs::path> files;
    const auto visit = [&](const Found& found) {
        if (files.size() == most_files) throw EnoughSeen();
        struct stat facts = found.facts;
        if (S_ISLNK(facts.st_mode) && ::fstatat(found.directory, found.name.c_str(), &facts, 0) < 0) {
            if (is_absent(errno)) return; // dangling
            refuse_read(directory / found.path, errno);
        }
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
