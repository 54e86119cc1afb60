// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/originals.h"

#include "lib/files/walk.h"
#include "lib/kernel/module_name.h"
#include "lib/process/descriptor.h"
#include "lib/tree/record.h"

#include <algorithm>

namespace dkms {
namespace {

constexpr const char* origin_suffix = ".origin";

std::filesystem::path origin_file(const std::filesystem::path& archived) { return archived.string() + origin_suffix; }

std::filesystem::path without_slashes(const std::string& location)
{
    const auto begin = location.find_first_not_of('/');
    return begin == std::string::npos ? std::string() : location.substr(begin);
}

} // namespace

Originals::Originals(const Places& places, const ModuleId& module, const KernelId& kernel)
    : places_(places), layout_(places), module_(module), kernel_(kernel),
      directory_(layout_.originals(module.name, kernel))
{
}

std::vector<Event> Originals::archive(Transaction& transaction, const std::vector<std::string>& paths) const
{
    std::vector<Event> events;
    for (const std::string& path : paths) {
        const std::filesystem::path below(path);
        const auto archived = paths.size() == 1 ? directory_ / below.filename() : directory_ / "collisions" / below;
        archive_one(transaction, path, archived);
        const auto origin = places_.install_tree / kernel_.release / path;
        events.emplace_back(EventKind::original_archived, nlohmann::json{{"path", origin.string()}});
    }
    return events;
}

void Originals::archive_one(Transaction& transaction, const std::string& path,
                            const std::filesystem::path& archived) const
{
    const auto origin = places_.install_tree / kernel_.release / path;
    transaction.put_copy(origin, archived);
    transaction.put_text(origin.string() + "\n", origin_file(archived));
    transaction.remove(origin);
}

std::vector<std::filesystem::path> Originals::archived_files() const
{
    std::vector<std::filesystem::path> files;
    walk(directory_, [&](const Found& found) {
        if (S_ISREG(found.facts.st_mode) && !module_name_of(found.name).empty())
            files.push_back(directory_ / found.path);
    });
    std::sort(files.begin(), files.end());
    return files;
}

/// Where an archived module belongs; empty when nobody knows. The path that was written down may name an install tree
/// of another machine or another root, so what counts in it is the part below the kernel's directory.
std::filesystem::path Originals::origin_of(const std::filesystem::path& archived, const std::optional<Conf>& conf) const
{
    const auto below = places_.install_tree / kernel_.release;
    try {
        std::string text = read_file(origin_file(archived), 4096);
        text.erase(std::find(text.begin(), text.end(), '\n'), text.end());
        const auto at = text.find("/" + kernel_.release + "/");
        const std::filesystem::path rest = at == std::string::npos ? "" : text.substr(at + kernel_.release.size() + 2);
        const bool escapes = std::find(rest.begin(), rest.end(), "..") != rest.end();
        if (!rest.empty() && rest.is_relative() && !escapes) return below / rest;
    } catch (const Error&) {
        // an archive from before origins were written down
    }
    const std::string name = module_name_of(archived);
    if (conf)
        for (const ConfModule& one : conf->modules)
            if (one.dest_name == name) return below / without_slashes(one.dest_location) / archived.filename();
    if (const auto record = read_build_record(layout_, module_, kernel_))
        for (const BuildRecord::Module& one : record->modules)
            if (module_name_of(one.file) == name)
                return below / without_slashes(one.dest_location) / archived.filename();
    return {};
}

std::vector<Event> Originals::restore(Transaction& transaction, const std::optional<Conf>& conf) const
{
    std::vector<Event> events;
    bool dropped = false;
    const bool kernel_is_there = leads_to_directory(places_.install_tree / kernel_.release);
    for (const auto& archived : archived_files()) {
        const auto target = origin_of(archived, conf);
        if (target.empty()) continue;
        if (kernel_is_there && !transaction.will_exist(target)) {
            transaction.put_copy(archived, target);
            events.emplace_back(EventKind::original_restored, nlohmann::json{{"path", target.string()}});
        }
        transaction.remove(archived);
        transaction.remove(origin_file(archived));
        for (auto path = archived.parent_path(); path != directory_; path = path.parent_path()) transaction.prune(path);
        dropped = true;
    }
    transaction.prune(directory_);
    transaction.prune(directory_.parent_path());
    transaction.prune(directory_.parent_path().parent_path());
    if (dropped) events.emplace_back(EventKind::original_dropped, nlohmann::json{{"kernel", kernel_.release}});
    return events;
}

} // namespace dkms
