// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/fingerprint.h"

#include "lib/model/error.h"
#include "lib/process/image.h"
#include "lib/process/refusal.h"
#include "lib/tree/digest.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <tuple>

#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path on_disk(const InputFile& file, const Places& places) { return places.root / file.path.relative_path(); }

/// Size and time of what a path leads to; nothing if that is no file, or not for this user, as keys are not.
std::optional<std::pair<std::uintmax_t, std::int64_t>> look(const fs::path& path)
{
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) {
        if (means_absent(errno) || errno == ELOOP || errno == EACCES) return std::nullopt;
        refuse_read(path, errno);
    }
    if (!S_ISREG(facts.st_mode)) return std::nullopt;
    return std::pair(static_cast<std::uintmax_t>(facts.st_size),
                     std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec);
}

bool may_be_gone(const InputFile& file)
{
    return file.kind == "headers" || file.kind == "compiler" || file.kind == "key";
}

bool is_touched(const InputFile& file, const Places& places)
{
    if (file.kind == unsigned_in_image) return !is_image(places);
    const auto now = look(on_disk(file, places));
    if (!now) return !file.sha256.empty() && !may_be_gone(file);
    return file.sha256.empty() || *now != std::pair(file.size, file.modified);
}

} // namespace

std::vector<InputFile> fingerprint_of(std::vector<InputFile> files, const Places& places)
{
    std::vector<fs::path> present;
    for (const InputFile& file : files)
        if (look(file.path)) present.push_back(file.path);
    const auto digests = sha256_of(present);
    auto digest = digests.begin();
    auto path = present.begin();
    for (InputFile& file : files) {
        if (path != present.end() && *path == file.path) {
            if (const auto facts = look(file.path)) std::tie(file.size, file.modified) = *facts;
            file.sha256 = *digest++;
            ++path;
        }
        file.path = fs::path("/") / file.path.lexically_relative(places.root);
    }
    return files;
}

const InputFile* first_touched(const std::vector<InputFile>& files, const Places& places)
{
    for (const InputFile& file : files)
        if (is_touched(file, places)) return &file;
    return nullptr;
}

const InputFile* first_changed(const std::vector<InputFile>& files, const Places& places)
{
    std::vector<const InputFile*> to_read;
    std::vector<fs::path> paths;
    for (const InputFile& file : files) {
        if (!is_touched(file, places)) continue;
        if (file.kind == unsigned_in_image) return &file;
        const fs::path path = on_disk(file, places);
        const auto now = look(path);
        if (file.sha256.empty() || !now) return &file; // it has come, or gone
        if (now->first != file.size) return &file;     // however large it is by now
        to_read.push_back(&file);
        paths.push_back(path);
    }
    const auto digests = sha256_of(paths);
    for (std::size_t i = 0; i < to_read.size(); ++i)
        if (digests[i] != to_read[i]->sha256) return to_read[i];
    return nullptr;
}

json to_json(const std::vector<InputFile>& files)
{
    json list = json::array();
    for (const InputFile& file : files)
        list.push_back({file.kind, file.path.string(), file.size, file.modified, file.sha256});
    return list;
}

std::vector<InputFile> input_files_from_json(const json& value)
{
    std::vector<InputFile> files;
    if (!value.is_array()) return files;
    for (const json& entry : value) {
        try {
            files.push_back({entry.at(0).get<std::string>(), entry.at(1).get<std::string>(),
                             entry.at(2).get<std::uintmax_t>(), entry.at(3).get<std::int64_t>(),
                             entry.at(4).get<std::string>()});
        } catch (const json::exception&) {
            continue;
        }
    }
    return files;
}

} // namespace dkms
