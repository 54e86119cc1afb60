// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/surroundings.h"

#include "lib/files/closed_above.h"
#include "lib/files/walk.h"
#include "lib/model/error.h"

#include <algorithm>
#include <cctype>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

bool is_at_or_below(const fs::path& path, const fs::path& directory)
{
    const auto ends = std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
    return ends.first == directory.end();
}

/// Whether a socket is among the entries of a directory; one that cannot be read may have some.
bool has_sockets(const fs::path& directory)
{
    std::error_code failed;
    for (fs::directory_iterator entry(directory, failed), end; !failed && entry != end; entry.increment(failed))
        if (std::error_code gone; fs::is_socket(entry->symlink_status(gone))) return true;
    return static_cast<bool>(failed);
}

/// Whether only root and we could replace what is on the way to `path`, or it: it is bound by its path when a command
/// starts, which may be after somebody has put a link to something else there.
bool is_settled(const fs::path& path)
{
    fs::path reached;
    for (const fs::path& component : path) {
        reached /= component;
        struct stat status {};
        if (::lstat(reached.c_str(), &status) < 0 || (status.st_uid != 0 && status.st_uid != ::geteuid())) return false;
        const bool by_others = S_ISDIR(status.st_mode) && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
        if (by_others && (status.st_mode & S_ISVTX) == 0) return false;
    }
    return true;
}

/// Whether any user could read it, and none could replace it: a file, or a directory in which no service can be
/// reached.
bool is_public(const fs::path& path)
{
    struct stat status {};
    if (::stat(path.c_str(), &status) < 0 || !closed_above(path).empty() || !is_settled(path)) return false;
    if (S_ISREG(status.st_mode)) return (status.st_mode & S_IROTH) != 0;
    return S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) == 0 && !path.string().starts_with("/run/") &&
           !has_sockets(path);
}

bool continues_path(char c)
{
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("/._+-~").find(c) != std::string_view::npos;
}

/// The absolute paths in /tmp and /run among the words of a command, also where something is glued before them: "M=",
/// "-I", a quotation mark.
std::vector<fs::path> hidden_paths_in(std::string_view command)
{
    std::vector<fs::path> paths;
    for (const std::string_view root : {"/tmp/", "/run/"})
        for (auto at = command.find(root); at != std::string_view::npos; at = command.find(root, at + 1)) {
            const std::string_view before = command.substr(0, at);
            const bool begins = before.empty() || !continues_path(before.back());
            if (!begins && !before.ends_with("-I") && !before.ends_with("-L")) continue;
            const auto end = std::min(command.find_first_of(" \t\n'\"`;&|<>(){}:,$*?[", at), command.size());
            paths.emplace_back(command.substr(at, end - at));
        }
    return paths;
}

} // namespace

Surroundings::Surroundings(const BuildSwitches& switches, SandboxKind kind) : kind_(kind), network_(switches.network)
{
    for (const fs::path& path : switches.read) show_at(path);
    for (const fs::path& path : switches.write)
        if (std::error_code missing; fs::exists(path, missing)) writable_.emplace_back(path, path);
}

/// A build that runs as another user must also be able to get there.
bool Surroundings::is_out_of_reach(const fs::path& place) const
{
    return is_hidden_in_sandbox(place) || (kind_ == SandboxKind::root && !closed_above(place).empty());
}

/// `place` may be reached through links, which the sandbox does not have.
void Surroundings::show_at(const fs::path& place)
{
    std::error_code missing;
    const fs::path real = fs::canonical(place, missing);
    // What is in a place that is shown already, such as the source's copy, is as it is there.
    if (!missing && !shows(place)) read_only_.emplace_back(real, place);
    if (!missing && !shows(real)) read_only_.emplace_back(real, real);
}

void Surroundings::show_if_public(const fs::path& place)
{
    std::error_code missing;
    const fs::path real = fs::canonical(place, missing);
    if (!missing && is_public(place) && is_public(real)) show_at(place);
}

void Surroundings::show(const fs::path& path)
{
    std::error_code missing;
    const fs::path real = fs::canonical(path, missing);
    if (missing) return;
    show_at(real);
    for (fs::directory_iterator entry(real, missing), end; !missing && entry != end; entry.increment(missing))
        if (std::error_code gone; entry->is_symlink(gone))
            show_at((real / fs::read_symlink(entry->path(), gone)).lexically_normal());
}

void Surroundings::show_tree(const fs::path& path) { show_at(path.lexically_normal()); }

void Surroundings::show_as(const fs::path& path, const fs::path& where) { read_only_.emplace_back(path, where); }

void Surroundings::show_named(std::string_view command, bool trusted)
{
    for (const fs::path& path : hidden_paths_in(command)) {
        if (trusted)
            show_at(path.lexically_normal());
        else
            show_if_public(path.lexically_normal());
    }
}

/// What cannot be read here is an error of the copy that is made of the source.
void Surroundings::show_links(const fs::path& source)
{
    try {
        walk(source, [this](const Found& found) {
            if (!S_ISLNK(found.facts.st_mode)) return;
            const fs::path target = found.link_text();
            if (target.is_absolute() && is_hidden_in_sandbox(target)) show_if_public(target.lexically_normal());
        });
    } catch (const Error&) {
        return;
    }
}

void Surroundings::replace(const fs::path& original, const fs::path& copy) { writable_.emplace_back(copy, original); }

bool Surroundings::shows(const fs::path& path) const
{
    if (!is_out_of_reach(path)) return true;
    const auto covers = [&](const Shown& one) { return is_at_or_below(path, one.second); };
    return std::any_of(read_only_.begin(), read_only_.end(), covers) ||
           std::any_of(writable_.begin(), writable_.end(), covers);
}

void Surroundings::add_to(Sandbox& sandbox) const
{
    sandbox.network = network_;
    for (const Shown& one : read_only_) sandbox.read_only.push_back(one);
    for (const Shown& one : writable_) sandbox.writable.push_back(one);
    if (kind_ != SandboxKind::root) return;
    // The way to what lies in a closed directory is made anew, in an empty one.
    for (const auto* list : {&read_only_, &writable_})
        for (const Shown& one : *list)
            if (fs::path closed = closed_above(one.second); !closed.empty() && closed != one.second)
                sandbox.empty.push_back(std::move(closed));
    std::sort(sandbox.empty.begin(), sandbox.empty.end());
    sandbox.empty.erase(std::unique(sandbox.empty.begin(), sandbox.empty.end()), sandbox.empty.end());
}

} // namespace dkms
