// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// No configuration file is read beyond this; real ones have some kilobytes.
constexpr std::size_t conf_size_limit = std::size_t{256} * 1024;

/// A configuration file and what it held when it was read.
struct ConfSource {
    std::filesystem::path path; ///< absolute
    std::string text; ///< with DOS line ends made plain ones: a carriage return would become part of names and paths
    bool rewritten = false; ///< whether that has changed something
};

/// One NAME=value given beside the files.
struct ConfAssignment {
    std::string name;
    unsigned index = 0;
    std::string value;
};

/// What files are evaluated with, natively or by bash.
struct ConfScope {
    std::map<std::string, std::string> variables; ///< what they may look at, in both expansions
    std::span<const std::string_view> names;      ///< what is wanted of them, in the order of the second expansion
    std::vector<ConfAssignment> directives;       ///< set anew after each file, so that they win
    /// What bash is shown in its own place, see image_view().
    std::vector<std::pair<std::filesystem::path, std::filesystem::path>> image = {};
};

/// Reads a regular file of at most conf_size_limit bytes. Never blocks, whatever `path` is.
/// Throws Error: ConfMissing, ConfUnreadable (also for everything that is not a regular file), ConfTooLarge.
ConfSource read_conf_source(const std::filesystem::path& path);

/// `file` and the overrides of it that there may be in places.config_dir, in the order in which they are evaluated:
/// M.conf, M-V.conf, M-V-K.conf, M-V-K-A.conf, M--K.conf, M--K-A.conf.
std::vector<std::filesystem::path> conf_files(const std::filesystem::path& file, const ConfContext& context);

/// What `file`, and those of its overrides that exist, hold. Throws as read_conf_source.
std::vector<ConfSource> read_conf_sources(const std::filesystem::path& file, const ConfContext& context);

/// The documented variables and directives. Throws Error InvalidArgs for a --directive that is not NAME=value or
/// NAME[#]=value.
ConfScope conf_scope(const ConfContext& context);

} // namespace dkms
