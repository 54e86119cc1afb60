// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/intent.h"

#include "lib/process/descriptor.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <set>

#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

using nlohmann::json;
using Path = std::filesystem::path;

bool is_there(const Path& path)
{
    struct stat facts {};
    return ::lstat(path.c_str(), &facts) == 0;
}

json texts_of(const std::vector<Path>& paths)
{
    json result = json::array();
    for (const Path& path : paths) result.push_back(path.string());
    return result;
}

std::vector<Path> paths_from(const json& value)
{
    std::vector<Path> result;
    for (const json& one : value) result.emplace_back(one.get<std::string>());
    return result;
}

void take_back(const Change& change)
{
    if (change.existed) {
        // While both names are links to one file rename does nothing, so the backup is deleted after it.
        if (is_there(change.backup)) ::rename(change.backup.c_str(), change.target.c_str());
        ::unlink(change.backup.c_str());
    } else if (!change.fresh.empty() && !is_there(change.fresh)) {
        ::unlink(change.target.c_str()); // the temporary has become the target
    }
    if (!change.fresh.empty()) ::unlink(change.fresh.c_str());
}

void sync_all(const std::set<Path>& directories) noexcept
{
    for (const Path& directory : directories) {
        try {
            sync_directory(directory);
        } catch (const std::exception&) {
            continue; // a directory that is gone needs no syncing
        }
    }
}

} // namespace

json to_json(const Intent& intent)
{
    json changes = json::array();
    for (const Change& change : intent.changes)
        changes.push_back({{"target", change.target.string()},
                           {"fresh", change.fresh.string()},
                           {"backup", change.backup.string()},
                           {"existed", change.existed}});
    return {{"phase", static_cast<int>(intent.phase)},
            {"module", intent.module.name},
            {"version", intent.module.version},
            {"kernel", intent.kernel.release},
            {"arch", intent.kernel.arch},
            {"depmod", intent.depmod},
            {"directories", texts_of(intent.directories)},
            {"changes", std::move(changes)},
            {"prune", texts_of(intent.prune)}};
}

Intent intent_from_json(const json& value)
{
    Intent intent;
    intent.phase = static_cast<Intent::Phase>(value.at("phase").get<int>());
    intent.module = {value.at("module").get<std::string>(), value.at("version").get<std::string>()};
    intent.kernel = {value.at("kernel").get<std::string>(), value.at("arch").get<std::string>()};
    intent.depmod = value.at("depmod").get<bool>();
    intent.directories = paths_from(value.at("directories"));
    for (const json& one : value.at("changes"))
        intent.changes.push_back({one.at("target").get<std::string>(), one.at("fresh").get<std::string>(),
                                  one.at("backup").get<std::string>(), one.at("existed").get<bool>()});
    intent.prune = paths_from(value.at("prune"));
    return intent;
}

void roll_back(const Intent& intent) noexcept
{
    std::set<Path> touched;
    for (auto change = intent.changes.rbegin(); change != intent.changes.rend(); ++change) {
        if (intent.phase == Intent::Phase::applying)
            take_back(*change);
        else if (!change->fresh.empty())
            ::unlink(change->fresh.c_str());
        touched.insert(change->target.parent_path());
    }
    for (auto directory = intent.directories.rbegin(); directory != intent.directories.rend(); ++directory)
        ::rmdir(directory->c_str());
    sync_all(touched);
}

void finish(const Intent& intent, const StopPoint& stop)
{
    for (const Change& change : intent.changes) {
        if (!change.existed) continue;
        ::unlink(change.backup.c_str());
        if (stop) stop("backup-deleted");
    }
    for (const Path& directory : intent.prune) ::rmdir(directory.c_str());
    if (stop) stop("directories-pruned");
}

} // namespace dkms
