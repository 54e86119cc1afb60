// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/install_history.h"

#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"
#include "lib/tree/directory.h"
#include "lib/tree/tree_names.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t most_files = 1024;
constexpr std::size_t longest_file = 256 * 1024;

InstallHistory history_from(const json& value)
{
    InstallHistory history;
    for (const json& one : value.at("entries")) history.entries.push_back(history_entry_from_json(one));
    history.previous = value.value("previous", "");
    if (value.contains("choice"))
        history.choice = {value.at("choice").at("version").get<std::string>(),
                          value.at("choice").at("newest").get<std::string>()};
    return history;
}

InstallHistory read(const fs::path& file)
{
    const auto text = read_file_if_present(file, longest_file);
    if (!text) return {};
    try {
        return history_from(json::parse(*text));
    } catch (const json::exception&) {
        return {}; // it begins again
    }
}

/// Files of histories below a directory; hidden ones belong to a transaction.
std::vector<std::string> files_in(const fs::path& path)
{
    std::vector<std::string> names;
    const auto directory = Directory::open(path);
    for (const auto& entry : directory ? directory->entries() : std::vector<Directory::Entry>())
        if (entry.kind == Directory::Kind::file && kernel_between(entry.name, "", ".json") && entry.name.front() != '.')
            names.push_back(entry.name);
    return names;
}

std::vector<std::string> modules_in(const Layout& layout)
{
    std::vector<std::string> names;
    const auto directory = Directory::open(layout.histories());
    for (const auto& entry : directory ? directory->entries() : std::vector<Directory::Entry>())
        if (entry.kind == Directory::Kind::directory && may_be_module(entry.name)) names.push_back(entry.name);
    return names;
}

bool lets_through(const StatusFilter& filter, const HistoryEntry& entry)
{
    const auto is = [](const std::string& wanted, const std::string& text) { return wanted.empty() || wanted == text; };
    const bool about_version =
        is(filter.version, entry.module.version) || (entry.installed && filter.version == entry.replaced);
    const bool of_kernel =
        filter.kernel.empty() || ::fnmatch(filter.kernel.c_str(), entry.kernel.release.c_str(), 0) == 0;
    return is(filter.module, entry.module.name) && about_version && of_kernel && is(filter.arch, entry.kernel.arch);
}

/// Those of kernels that are gone, into which nobody installs now; longest ago first. Counts all there are.
std::vector<fs::path> dispensable(const Places& places, std::size_t& total)
{
    const Layout layout(places);
    std::vector<std::pair<timespec, fs::path>> found;
    for (const std::string& name : modules_in(layout)) {
        const fs::path directory = layout.histories() / name;
        for (const std::string& file : files_in(directory)) {
            ++total;
            const auto kernel = kernel_between(file, "", ".json");
            struct stat status {};
            if (leads_somewhere(layout.active_link(name, *kernel)) ||
                leads_somewhere(places.install_tree / kernel->release) ||
                ::lstat((directory / file).c_str(), &status) != 0)
                continue;
            found.emplace_back(status.st_mtim, directory / file);
        }
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return std::pair(a.first.tv_sec, a.first.tv_nsec) < std::pair(b.first.tv_sec, b.first.tv_nsec);
    });
    std::vector<fs::path> paths;
    for (auto& one : found) paths.push_back(std::move(one.second));
    return paths;
}

} // namespace

std::string InstallHistory::before(const std::string& active) const
{
    if (entries.empty()) return "";
    const std::string& last = entries.back().module.version;
    if (last != active) return last; // a program that writes no history has changed it
    return previous != active ? previous : "";
}

void InstallHistory::add(HistoryEntry entry, const std::string& newest)
{
    if (entry.installed) {
        const std::string& version = entry.module.version;
        const std::string last = !entry.replaced.empty() ? entry.replaced
                                 : entries.empty()       ? std::string()
                                                         : entries.back().module.version;
        if (!last.empty() && last != version) previous = last;
        if (is_choice(entry.request))
            choice = {version, newest};
        else if (choice && choice->version != version)
            choice.reset();
    }
    entries.push_back(std::move(entry));
    if (entries.size() > most_entries) entries.erase(entries.begin(), entries.end() - most_entries);
}

InstallHistory read_history(const Layout& layout, const std::string& name, const KernelId& kernel)
{
    return read(layout.history(name, kernel));
}

std::string text_of(const InstallHistory& history)
{
    json value{{"entries", json::array()}};
    for (const HistoryEntry& entry : history.entries) value["entries"].push_back(to_json(entry));
    if (!history.previous.empty()) value["previous"] = history.previous;
    if (history.choice) value["choice"] = {{"version", history.choice->version}, {"newest", history.choice->newest}};
    return value.dump(1, '\t', false, json::error_handler_t::replace) + "\n";
}

std::vector<HistoryEntry> history_of(const Places& places, const StatusFilter& filter)
{
    const Layout layout(places);
    std::vector<HistoryEntry> found;
    for (const std::string& name : modules_in(layout)) {
        if (!filter.module.empty() && filter.module != name) continue;
        for (const std::string& file : files_in(layout.histories() / name))
            for (HistoryEntry& entry : read(layout.histories() / name / file).entries)
                if (lets_through(filter, entry)) found.push_back(std::move(entry));
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const HistoryEntry& a, const HistoryEntry& b) { return a.at < b.at; });
    if (found.size() > most_shown) found.erase(found.begin(), found.end() - most_shown);
    return found;
}

void make_room_for_history(const Places& places, const std::string& name, const KernelId& kernel)
{
    const fs::path file = Layout(places).history(name, kernel);
    make_directories(file.parent_path());
    if (is_present(file)) return;
    std::size_t total = 0;
    for (const fs::path& path : dispensable(places, total)) {
        if (total-- < most_files) return;
        if (::unlink(path.c_str()) != 0 && !means_absent(errno)) refuse_change(path, errno);
        if (path.parent_path() != file.parent_path()) remove_if_empty(path.parent_path());
    }
}

} // namespace dkms
