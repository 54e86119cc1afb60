// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/build_switches.h"
#include "lib/process/sandbox.h"

#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace dkms {

/// What the commands of a build see of the system besides their build directory. As a rule that is what any user of the
/// system can read, but for /tmp and /run, which are empty, and without a network. What somebody has named is added:
/// the caller (trees, headers, directives), the administrator (BuildSwitches), the configuration and links in the
/// source. The last two may come from anywhere, so they add only what every user can reach anyway, and no directory
/// that has sockets in it.
class Surroundings {
public:
    Surroundings(const BuildSwitches& switches, SandboxKind kind);

    /// A file or directory that the caller or the system names; of a directory also what links in it lead to, as
    /// headers lead to their scripts. Nothing if it does not exist.
    void show(const std::filesystem::path& path);
    /// The same without a look at links: a tree.
    void show_tree(const std::filesystem::path& path);
    /// `path`, in the place of whatever is at `where` on this system.
    void show_as(const std::filesystem::path& path, const std::filesystem::path& where);
    /// Every path in /tmp or /run that a command of the configuration names. `trusted`: the caller has written it.
    void show_named(std::string_view command, bool trusted);
    /// What absolute links below a module's source lead to.
    void show_links(const std::filesystem::path& source);
    /// Lets `copy` stand for `original`, to be written as the build likes.
    void replace(const std::filesystem::path& original, const std::filesystem::path& copy);

    bool network() const { return network_; }
    /// Whether the commands see what stands at an absolute path outside: it is neither hidden, or has been shown.
    bool shows(const std::filesystem::path& path) const;

    void add_to(Sandbox& sandbox) const;

private:
    using Shown = std::pair<std::filesystem::path, std::filesystem::path>; ///< what, and where it appears

    bool is_out_of_reach(const std::filesystem::path& place) const;
    void show_at(const std::filesystem::path& place);
    void show_if_public(const std::filesystem::path& place);

    SandboxKind kind_;
    bool network_;
    std::vector<Shown> read_only_;
    std::vector<Shown> writable_;
};

} // namespace dkms
