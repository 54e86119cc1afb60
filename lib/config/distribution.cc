// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/distribution.h"

#include "lib/config/conf_native.h"
#include "lib/config/conf_values.h"
#include "lib/files/file_kind.h"
#include "lib/model/error.h"

#include <sstream>
#include <string_view>

namespace dkms {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Which one `id` names, other for one that has no rules of its own.
Distribution named(std::string_view id)
{
    if (id == "debian") return Distribution::debian;
    if (id == "ubuntu") return Distribution::ubuntu;
    if (id == "fedora") return Distribution::fedora;
    if (id == "rhel" || id == "centos") return Distribution::rhel;
    if (contains(id, "suse") || id == "sles" || id == "sled") return Distribution::suse;
    if (id == "arch") return Distribution::arch;
    if (id == "gentoo") return Distribution::gentoo;
    return Distribution::other;
}

/// The first that is known of several names, the closest one standing first.
Distribution first_known(const std::string& ids)
{
    for (const std::string& id : words_of(ids))
        if (const Distribution known = named(id); known != Distribution::other) return known;
    return Distribution::other;
}

/// The value of `line` if it is an assignment to `name`; os-release(5) allows quotes around the whole of it.
std::optional<std::string> assigned(std::string_view line, std::string_view name)
{
    if (line.substr(0, name.size()) != name || line.substr(name.size(), 1) != "=") return std::nullopt;
    std::string_view value = line.substr(name.size() + 1);
    while (!value.empty() && (value.back() == '\r' || value.back() == ' ')) value.remove_suffix(1);
    const bool quoted =
        value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
    return std::string(quoted ? value.substr(1, value.size() - 2) : value);
}

struct OsRelease {
    std::string id;
    std::string id_like;
};

OsRelease parse_os_release(std::string_view text)
{
    OsRelease result;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        if (const auto id = assigned(line, "ID")) result.id = *id;
        if (const auto id_like = assigned(line, "ID_LIKE")) result.id_like = *id_like;
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return result;
}

/// Its value in a file of assignments; empty where there is none.
std::string addon_modules_dir(const std::filesystem::path& file)
{
    if (!leads_to_file(file)) return {};
    std::string value;
    std::istringstream lines(read_conf_source(file).text);
    for (std::string line; std::getline(lines, line);)
        if (const auto assignment = assigned(line, "ADDON_MODULES_DIR")) value = *assignment;
    return value;
}

} // namespace

std::string distribution_name(const Places& places)
{
    if (!leads_to_file(places.os_release())) return {};
    const OsRelease release = parse_os_release(read_conf_source(places.os_release()).text);
    return release.id == "ubuntu" || release.id_like.empty() ? release.id : release.id_like;
}

Distribution distribution(const Places& places)
{
    const OsRelease release = parse_os_release(read_conf_source(places.os_release()).text);
    if (release.id == "ubuntu" || release.id_like.empty()) return named(release.id);
    return first_known(release.id_like);
}

std::optional<std::string> destination_override(Distribution distribution, const std::string& addon_modules_dir)
{
    if (!addon_modules_dir.empty()) return "/" + std::filesystem::path(addon_modules_dir).relative_path().string();
    switch (distribution) {
    case Distribution::debian:
    case Distribution::ubuntu:
    case Distribution::arch:
        return "/updates/dkms";
    case Distribution::fedora:
    case Distribution::rhel:
        return "/extra";
    case Distribution::suse:
        return "/updates";
    case Distribution::gentoo:
    case Distribution::other:
        break;
    }
    return std::nullopt;
}

std::optional<std::string> destination_override(const Places& places,
                                                const std::map<std::string, std::string>& settings)
{
    std::string addon;
    if (const auto set = settings.find("ADDON_MODULES_DIR"); set != settings.end()) addon = set->second;
    if (addon.empty()) addon = addon_modules_dir(places.root / "etc/sysconfig/module-init-tools");
    try {
        return destination_override(distribution(places), addon);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::conf_missing) throw; // anything else would be another directory
        return destination_override(Distribution::other, addon);
    }
}

} // namespace dkms
