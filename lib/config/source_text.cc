// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/source_text.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t longest_text = std::uintmax_t{1024} * 1024;
constexpr std::size_t most_files = 20000;
constexpr int deepest = 12;

bool is_hidden(const fs::path& path) { return path.filename().string().front() == '.'; }

} // namespace

std::optional<std::string> source_text(const fs::path& file)
{
    std::error_code failed;
    if (!fs::is_regular_file(file, failed) || fs::file_size(file, failed) > longest_text) return std::nullopt;
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return std::nullopt;
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (text.find('\0') != std::string::npos) return std::nullopt;
    return text;
}

std::vector<fs::path> source_files(const fs::path& directory)
{
    std::vector<fs::path> files;
    std::error_code failed;
    auto entry = fs::recursive_directory_iterator(directory, fs::directory_options::skip_permission_denied, failed);
    for (; !failed && entry != fs::recursive_directory_iterator() && files.size() < most_files;
         entry.increment(failed)) {
        std::error_code ignored;
        if (entry->is_directory(ignored) && (is_hidden(entry->path()) || entry.depth() >= deepest))
            entry.disable_recursion_pending();
        if (entry->is_regular_file(ignored)) files.push_back(entry->path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

} // namespace dkms
