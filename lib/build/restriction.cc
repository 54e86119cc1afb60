// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/restriction.h"

#include "lib/build/first_error.h"
#include "lib/config/bad_command.h"

#include <algorithm>
#include <array>
#include <sstream>

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

template <std::size_t Size>
bool has_any(std::string_view text, const std::array<std::string_view, Size>& parts)
{
    return std::any_of(parts.begin(), parts.end(), [&](std::string_view part) { return has(text, part); });
}

constexpr std::array<std::string_view, 10> network_complaints{"ould not resolve",
                                                              "Temporary failure in name resolution",
                                                              "Name or service not known",
                                                              "nable to resolve host",
                                                              "Network is unreachable",
                                                              "No address associated with hostname",
                                                              "nodename nor servname",
                                                              "getaddrinfo failed",
                                                              "getaddrinfo E",
                                                              "emporary failure resolving"};

constexpr std::array<std::string_view, 6> privilege_complaints{"sudo: ", "no new privileges",   "su: must be",
                                                               "doas: ", "must be setuid root", "must be run as root"};

/// The absolute paths among the words of a line, without quotation marks and colons around them.
std::vector<fs::path> paths_in(std::string_view line)
{
    std::vector<fs::path> paths;
    constexpr std::string_view ends = " \t'\"`,;()<>|&";
    for (std::size_t at = 0; at < line.size();) {
        const std::size_t begin = line.find_first_not_of(ends, at);
        if (begin == std::string_view::npos) break;
        const std::size_t end = std::min(line.find_first_of(ends, begin), line.size());
        std::string_view word = line.substr(begin, end - begin);
        at = end;
        while (!word.empty() && (word.back() == ':' || word.back() == '.')) word.remove_suffix(1);
        if (word.size() > 1 && word.front() == '/') paths.emplace_back(fs::path(word).lexically_normal());
    }
    return paths;
}

bool is_there(const fs::path& path)
{
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0;
}

/// The path itself, or the nearest directory above it that exists: what a switch can name.
fs::path existing(fs::path path)
{
    while (!is_there(path) && path.has_relative_path()) path = path.parent_path();
    return path;
}

bool is_noexec(const fs::path& path)
{
    struct statvfs system {};
    return ::statvfs(path.c_str(), &system) == 0 && (system.f_flag & ST_NOEXEC) != 0;
}

/// Of another user's files that not everyone may read.
bool is_for_owner_only(const fs::path& path)
{
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && (status.st_mode & S_IROTH) == 0;
}

/// Whether a line names a path outside of `build`, but for the program that says it: "/bin/sh: 1: …".
bool names_another_place(std::string_view line, const fs::path& build)
{
    const auto colon = std::min(line.find(": "), line.size());
    const auto paths = paths_in(line.substr(colon));
    return std::any_of(paths.begin(), paths.end(),
                       [&](const fs::path& path) { return *path.lexically_relative(build).begin() == ".."; });
}

} // namespace

std::string beginning_of(const Descriptor& file)
{
    std::string text(std::size_t{1} << 20, '\0');
    const ssize_t got = ::pread(file.number(), text.data(), text.size(), 0);
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
}

std::string RestrictionFinder::switch_line(const std::string& words) const
{
    return "the line '" + module_.substr(0, module_.find('/')) + " " + words + "' in " + policy_file_.string() +
           ", see dkms-policy.conf(5)";
}

Restriction RestrictionFinder::no_network() const
{
    return {"builds have no network access", "",
            "Ship what is needed with the source, or allow it by " + switch_line("network allow") + "."};
}

std::optional<Restriction> RestrictionFinder::in_line(std::string_view line) const
{
    const std::string excerpt = tidied_line(line, workplace_.shown_build().string());
    if (has(line, "Permission denied") && is_noexec(workplace_.build()) &&
        !names_another_place(line, workplace_.shown_build()))
        return Restriction{"its build directory is on a file system mounted noexec", excerpt,
                           "Remount the file system of the DKMS tree with exec, or move the tree."};
    if (!workplace_.sandboxed()) return std::nullopt;
    if (!workplace_.surroundings().network() && has_any(line, network_complaints)) {
        Restriction found = no_network();
        found.excerpt = excerpt;
        return found;
    }
    if (has_any(line, privilege_complaints))
        return Restriction{"builds do not run as root and cannot gain privileges", excerpt,
                           "Modules are signed after the build, see mok_signing_key in framework.conf(5). Installing "
                           "belongs in POST_INSTALL. Builds run as root by " +
                               switch_line("sandbox off") + "."};
    if (has(line, "Address family not supported by protocol"))
        return Restriction{"builds reach no services, and make no local sockets (AF_UNIX)", excerpt,
                           "Builds that need one run by " + switch_line("sandbox off") + "."};
    const auto paths = paths_in(line);
    if (has(line, "Read-only file system")) {
        const std::string place = paths.empty() ? "DIRECTORY" : existing(paths.back()).string();
        return Restriction{"builds may change their own directories only", excerpt,
                           "If the build must write there, allow it by " + switch_line("write " + place) + "."};
    }
    const bool missing = has(line, "No such file or directory") || has(line, "not found") || has(line, "not exist");
    const bool denied = has(line, "Permission denied");
    for (const fs::path& path : paths) {
        if ((missing || denied) && !workplace_.surroundings().shows(path) && is_there(path))
            return Restriction{path.string() + " is hidden from builds", excerpt,
                               "If the build needs it, show it by " + switch_line("read " + path.string()) + "."};
        if (denied && is_for_owner_only(path))
            return Restriction{"builds do not run as root, and may not read " + path.string(), excerpt,
                               "If everyone may read it, change its mode. Builds run as root by " +
                                   switch_line("sandbox off") + "."};
    }
    return std::nullopt;
}

std::optional<Restriction> RestrictionFinder::in_text(const CommandText& text) const
{
    std::istringstream lines(text.text);
    unsigned number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        line.erase(0, line.find_first_not_of("\t @-"));
        const auto bad = bad_command(line);
        if (!bad || bad->rule != "network") continue;
        Restriction found = no_network();
        found.excerpt = text.name + ":" + std::to_string(number) + ": " + tidied_line(line, "");
        return found;
    }
    return std::nullopt;
}

std::optional<Restriction> RestrictionFinder::find(std::string_view output, const std::vector<CommandText>& texts) const
{
    const FailureReason reason = failure_reason(output, workplace_.shown_build().string());
    if (auto found = in_line(reason.text)) return found;
    if (reason.blame == Blame::compiler || reason.blame == Blame::program) return std::nullopt;
    for (std::string_view rest = output; !rest.empty();) {
        const auto end = rest.find('\n');
        if (auto found = in_line(rest.substr(0, end))) return found;
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    if (!workplace_.sandboxed() || workplace_.surroundings().network()) return std::nullopt;
    for (const CommandText& text : texts)
        if (auto found = in_text(text)) return found;
    return std::nullopt;
}

} // namespace dkms
