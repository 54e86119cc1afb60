// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/policy_conf.h"

#include "lib/config/conf_source.h"
#include "lib/files/names_in.h"
#include "lib/model/error.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>

#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// Of dkms-policy.conf(5). What their values mean is known by those who ask for them.
constexpr std::array<std::string_view, 11> settings{"network",   "read",   "write",        "sandbox",
                                                    "time",      "output", "memory",       "processes",
                                                    "file-size", "space",  "keep-versions"};

bool is_setting(std::string_view word) { return std::find(settings.begin(), settings.end(), word) != settings.end(); }

bool fits(const std::string& glob, const std::string& module)
{
    return ::fnmatch(glob.c_str(), module.c_str(), 0) == 0;
}

/// Whether others than root and we may change what this describes.
bool others_may_write(const struct stat& status)
{
    if (status.st_uid != 0 && status.st_uid != ::geteuid()) return true;
    const bool by_group = (status.st_mode & S_IWGRP) != 0 && status.st_gid != 0 && status.st_gid != ::getegid();
    return by_group || (status.st_mode & S_IWOTH) != 0;
}

} // namespace

std::string untrusted_because(const fs::path& path)
{
    for (const fs::path& place : {path, path.parent_path()}) {
        struct stat status {};
        if (::stat(place.c_str(), &status) < 0) {
            if (means_absent(errno)) return "";
            return place.string() + ": " + errno_text(errno);
        }
        if (others_may_write(status)) return "others than root can write " + place.string();
    }
    return "";
}

PolicyConf::PolicyConf(const Places& places)
{
    read(places.config_dir / "policy.conf");
    const fs::path directory = places.config_dir / "policy.conf.d";
    std::vector<fs::path> more;
    try {
        for (const std::string& name : names_in(directory).value_or(std::vector<std::string>()))
            if (fs::path(name).extension() == ".conf") more.push_back(directory / name);
    } catch (const Error& error) {
        faults_.push_back({"*", error.message()});
    }
    for (const auto& file : more) read(file);
}

void PolicyConf::read(const fs::path& file)
{
    const std::string reason = untrusted_because(file);
    if (!reason.empty()) return faults_.push_back({"*", file.string() + " is ignored: " + reason + "."});
    std::istringstream text;
    try {
        text.str(read_conf_source(file).text);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::conf_missing) faults_.push_back({"*", error.message()});
        return;
    }
    unsigned number = 0;
    for (std::string line; std::getline(text, line);)
        read_line(line.substr(0, line.find('#')), file.string() + ":" + std::to_string(++number));
}

void PolicyConf::read_line(const std::string& line, const std::string& place)
{
    std::istringstream text(line);
    std::vector<std::string> words;
    for (std::string word; text >> word;) words.push_back(word);
    if (words.empty()) return;
    const auto policy = words.size() == 2 ? policy_of(words[1]) : std::nullopt;
    if (policy)
        policies_.emplace_back(words[0], *policy);
    else if (words.size() > 2 && is_setting(words[1]))
        settings_.push_back({words[0], words[1], {words.begin() + 2, words.end()}, place});
    else
        faults_.push_back({words[0], place + ": a line is a module and one of optional, required, boot, or a module, "
                                             "a setting and its values, see dkms-policy.conf(5)."});
}

Policy PolicyConf::policy_for(const std::string& module) const
{
    Policy policy = Policy::optional;
    for (const auto& [pattern, said] : policies_)
        if (fits(pattern, module)) policy = said;
    return policy;
}

std::vector<PolicyLine> PolicyConf::lines_of(std::string_view setting, const std::string& module) const
{
    std::vector<PolicyLine> lines;
    for (const PolicyLine& line : settings_)
        if (line.setting == setting && fits(line.module, module)) lines.push_back(line);
    return lines;
}

std::vector<std::string> PolicyConf::faults() const
{
    std::vector<std::string> sentences;
    for (const Fault& fault : faults_) sentences.push_back(fault.sentence);
    return sentences;
}

std::vector<std::string> PolicyConf::faults_for(const std::string& module) const
{
    std::vector<std::string> sentences;
    for (const Fault& fault : faults_)
        if (fits(fault.module, module)) sentences.push_back(fault.sentence);
    return sentences;
}

} // namespace dkms
