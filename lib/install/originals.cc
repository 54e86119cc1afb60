// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/originals.h"

#include "lib/files/file_kind.h"
#include "lib/files/walk.h"
#include "lib/kernel/module_name.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"
#include "lib/tree/record.h"

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

constexpr const char* collisions = "collisions";

fs::path origin_file(const fs::path& archived) { return archived.string() + ".origin"; }
fs::path owner_file(const fs::path& archived)
{
    return archived.parent_path() / ("." + archived.filename().string() + ".owner");
}

fs::path without_slashes(const std::string& location)
{
    const auto begin = location.find_first_not_of('/');
    return begin == std::string::npos ? std::string() : location.substr(begin);
}

/// The first line of a small file; empty if there is none. Throws Error ReadFailed.
std::string line_in(const fs::path& path)
{
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) != 0) {
        if (means_absent(errno)) return {};
        refuse_read(path, errno);
    }
    std::string text = read_file(path, 4096);
    text.erase(std::find(text.begin(), text.end(), '\n'), text.end());
    return text;
}

} // namespace

Originals::Originals(const Places& places, const ModuleId& module, const KernelId& kernel,
                     const std::optional<Conf>& conf)
    : places_(places), module_(module), kernel_(kernel), directory_(Layout(places).originals(module.name, kernel))
{
    std::vector<fs::path> files;
    walk(directory_, [&](const Found& found) {
        const bool is_file = S_ISREG(found.facts.st_mode) || S_ISLNK(found.facts.st_mode);
        if (is_file && found.name.front() != '.' && !module_name_of(found.name).empty())
            files.push_back(directory_ / found.path);
    });
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) content_.push_back(read(file, conf));
}

Original Originals::read(const fs::path& archived, const std::optional<Conf>& conf) const
{
    Original one;
    one.module = module_name_of(archived);
    one.origin = origin_of(archived, one.module, conf);
    one.owner = line_in(owner_file(archived));
    one.file = archived;
    one.several = *archived.lexically_relative(directory_).begin() == collisions;
    return one;
}

/// Where an archived module belongs; empty when nobody knows. The path that was written down may name an install tree
/// of another machine or another root, so what counts in it is the part below the kernel's directory.
fs::path Originals::origin_of(const fs::path& archived, const std::string& module,
                              const std::optional<Conf>& conf) const
{
    const auto below = places_.install_tree / kernel_.release;
    const std::string text = line_in(origin_file(archived));
    const auto at = text.find("/" + kernel_.release + "/");
    const fs::path rest = at == std::string::npos ? "" : text.substr(at + kernel_.release.size() + 2);
    const bool escapes = std::find(rest.begin(), rest.end(), "..") != rest.end();
    if (!rest.empty() && rest.is_relative() && !escapes) return below / rest;
    // an archive from before origins were written down
    if (conf)
        for (const ConfModule& one : conf->modules)
            if (one.dest_name == module) return below / without_slashes(one.dest_location) / archived.filename();
    if (const auto record = read_build_record(Layout(places_), module_, kernel_))
        for (const BuildRecord::Module& one : record->modules)
            if (module_name_of(one.file) == module)
                return below / without_slashes(one.dest_location) / archived.filename();
    return {};
}

void Originals::become(Transaction& transaction, const std::vector<Original>& wanted) const
{
    const auto stays = [&](const Original& one) {
        return std::find(wanted.begin(), wanted.end(), one) != wanted.end();
    };
    std::vector<fs::path> taken;
    for (const Original& one : content_)
        if (stays(one))
            taken.push_back(one.file);
        else
            remove(transaction, one);
    for (const Original& one : wanted) {
        if (std::find(content_.begin(), content_.end(), one) != content_.end()) continue;
        const auto place = free_place(one, taken);
        put_module(transaction, one.file, place);
        transaction.put_text(one.origin.string() + "\n", origin_file(place));
        if (!one.owner.empty()) transaction.put_text(one.owner + "\n", owner_file(place));
    }
    transaction.prune(directory_);
    transaction.prune(directory_.parent_path());
    transaction.prune(directory_.parent_path().parent_path());
}

/// One module of a name is archived where old programs look for it, further ones among the collisions.
fs::path Originals::free_place(const Original& one, std::vector<fs::path>& taken) const
{
    fs::path place = directory_ / one.origin.filename();
    if (one.several || std::find(taken.begin(), taken.end(), place) != taken.end())
        place = directory_ / collisions / one.origin.lexically_relative(places_.install_tree / kernel_.release);
    taken.push_back(place);
    return place;
}

void Originals::remove(Transaction& transaction, const Original& one) const
{
    transaction.remove(one.file);
    transaction.remove(origin_file(one.file));
    transaction.remove(owner_file(one.file));
    for (auto path = one.file.parent_path(); path != directory_; path = path.parent_path()) transaction.prune(path);
}

void put_module(Transaction& transaction, const fs::path& source, const fs::path& target)
{
    struct stat facts {};
    if (::lstat(source.c_str(), &facts) != 0) refuse_read(source, errno);
    if (S_ISLNK(facts.st_mode))
        transaction.put_link(link_text_of(source).value_or(""), target);
    else
        transaction.put_copy(source, target);
}

} // namespace dkms
