// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/console.h"
#include "client/dkms/fault.h"
#include "lib/model/places.h"
#include "lib/model/request.h"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dkms::legacy {

/// A kernel behind -k: K or K/A.
struct NamedKernel {
    std::string release;
    std::optional<std::string> arch; ///< none: it was not said with it
};

/// What somebody typed behind `dkms`, sorted but not yet checked. The grammar is the old program's: long options with a
/// value are known by their beginning (--kernelversion=6.1 is --kernelver), values are trimmed, and words without a
/// dash are told apart by what they are: an action, a source directory or its dkms.conf, an archive, a module.
struct Words {
    std::string action; ///< empty: none was given
    std::string module;
    std::string version;
    std::vector<NamedKernel> kernels;             ///< in the order given
    std::vector<std::string> architectures;       ///< of -a, in the order given
    std::optional<std::filesystem::path> source;  ///< a directory with a dkms.conf
    std::optional<std::filesystem::path> archive; ///< a file to load
    bool source_is_meant = false;           ///< one of these cannot be a module: a path (is_path), or an archive's name
    std::string archive_option;             ///< --archive, as given
    PlaceOptions places;                    ///< absolute
    Options options;                        ///< without archive and distributions; paths absolute
    std::vector<std::string> distributions; ///< -d, in the order given
    std::vector<std::string> releases;      ///< -r
    bool all = false;
    bool rpm_safe_upgrade = false;
};

/// Sorts the words; nothing when they were answered already (--help, --version). What is to be said on the way
/// (warnings, the answers to --help and --version) goes to `console`, which -q silences from there on. `program` is the
/// name in the usage. Throws Fault: unknown option (2), second action (4).
std::optional<Words> read_words(const std::string& program, std::span<const char* const> words, Console& console);

/// The usage, as callers look for options in it.
std::string usage_text(const std::string& program);

/// The version of the old program whose behaviour this is: "3.4.3".
std::string_view legacy_version();

} // namespace dkms::legacy
