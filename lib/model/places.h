// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace dkms {

/// Where everything lies. One value holds every root, so that tests, image builders and a bus-less run differ from the
/// service in this value only. All paths are absolute and include `root`.
struct Places {
    std::filesystem::path root = "/";                       ///< --root; the system that is worked on
    std::filesystem::path dkms_tree = "/var/lib/dkms";      ///< --dkmstree
    std::filesystem::path source_tree = "/usr/src";         ///< --sourcetree
    std::filesystem::path install_tree = "/lib/modules";    ///< --installtree
    std::filesystem::path config_dir = "/etc/dkms";         ///< framework.conf, overrides, patches
    std::filesystem::path modprobe_dir = "/etc/modprobe.d"; ///< alias fragments
    std::filesystem::path boot_dir = "/boot";               ///< where initramfs images lie
    std::filesystem::path state_dir = "/var/lib/dkmsd";     ///< journal and logs of the service

    /// The defaults below `root`.
    static Places under(const std::filesystem::path& root);

    /// /etc/os-release, or /usr/lib/os-release where that is missing.
    std::filesystem::path os_release() const;

    /// What `path` is called on the system whose root directory is `root`: without that, if it lies below it.
    std::filesystem::path inside(const std::filesystem::path& path) const;

    /// Whether modules go to the system's own /lib/modules: only then do initramfs images and modprobe.d concern us.
    bool is_default_install_tree() const;

    bool operator==(const Places&) const = default;
};

/// The trees as a person names them on a command line; each wins over framework.conf and the default. Paths are made
/// absolute by the one who reads the command line.
struct PlaceOptions {
    std::optional<std::filesystem::path> root;
    std::optional<std::filesystem::path> dkms_tree;
    std::optional<std::filesystem::path> source_tree;
    std::optional<std::filesystem::path> install_tree;

    bool any() const { return root || dkms_tree || source_tree || install_tree; }
};

nlohmann::json to_json(const Places& places);
Places places_from_json(const nlohmann::json& value);

} // namespace dkms
