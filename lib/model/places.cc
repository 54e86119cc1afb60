// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/model/places.h"

#include <nlohmann/json.hpp>

#include <cerrno>

#include <sys/stat.h>

namespace dkms {

Places Places::under(const std::filesystem::path& root)
{
    Places places;
    places.root = root;
    for (auto* path : {&places.dkms_tree, &places.source_tree, &places.install_tree, &places.config_dir,
                       &places.modprobe_dir, &places.boot_dir, &places.state_dir})
        *path = root / path->relative_path();
    return places;
}

std::filesystem::path Places::os_release() const
{
    struct stat facts {};
    const auto etc = root / "etc/os-release";
    // One that cannot be looked at is not absent: who reads it hears why.
    const bool absent = ::stat(etc.c_str(), &facts) < 0 && (errno == ENOENT || errno == ENOTDIR);
    return absent ? root / "usr/lib/os-release" : etc;
}

std::filesystem::path Places::inside(const std::filesystem::path& path) const
{
    const auto below = path.lexically_normal().lexically_relative(root.lexically_normal());
    return root == "/" || below.empty() || *below.begin() == ".." ? path : "/" / below;
}

bool Places::is_default_install_tree() const { return install_tree == root / "lib/modules"; }

nlohmann::json to_json(const Places& places)
{
    return {{"root", places.root.string()},
            {"dkms_tree", places.dkms_tree.string()},
            {"source_tree", places.source_tree.string()},
            {"install_tree", places.install_tree.string()},
            {"config_dir", places.config_dir.string()},
            {"modprobe_dir", places.modprobe_dir.string()},
            {"boot_dir", places.boot_dir.string()},
            {"state_dir", places.state_dir.string()}};
}

Places places_from_json(const nlohmann::json& value)
{
    const auto path = [&](const char* name) { return std::filesystem::path(value.at(name).get<std::string>()); };
    Places places;
    places.root = path("root");
    places.dkms_tree = path("dkms_tree");
    places.source_tree = path("source_tree");
    places.install_tree = path("install_tree");
    places.config_dir = path("config_dir");
    places.modprobe_dir = path("modprobe_dir");
    places.boot_dir = path("boot_dir");
    places.state_dir = path("state_dir");
    return places;
}

} // namespace dkms
