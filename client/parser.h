// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/commands.h"

#include <span>
#include <string>
#include <variant>
#include <vector>

namespace dkms {

/// The words behind a command, sorted by option but not yet understood.
struct Words {
    std::string module; ///< the positional MODULE[/VERSION]; log: or the number of a job
    std::string module_option;
    std::string version;
    std::vector<std::string> kernels;
    std::vector<std::string> architectures;
    Options options; ///< all but the paths
    std::string kernel_source_dir;
    std::string kernel_config;
    std::string conf_file;
    std::string root;
    std::string dkms_tree;
    std::string source_tree;
    std::string install_tree;
    std::vector<std::string> jobs;
    std::string path;
    std::string format;
    std::string output;
    std::string topic; ///< help: a command
    bool help = false;
    bool strict = false;
    bool json = false;
    bool no_wait = false;
    bool quiet = false;
    bool every = false;
    bool hook = false;
    bool newest = false;
    bool follow = false;
};

/// A word that the command does not take, or one that is missing.
struct Misunderstood {
    std::string reason; ///< a sentence without its full stop
    std::string remedy; ///< another one, or empty
};

/// Sorts the words by the groups of options that `row` takes. An option's value may be written "--name=value",
/// "--name value", "-nvalue" or "-n value"; "--" ends the options. With --help nothing else is looked at.
std::variant<Words, Misunderstood> parse_words(const CommandRow& row, const std::vector<std::string>& words);

/// The position of the command: of the first word that is neither an option of any command nor an option's value; the
/// number of words, if there is none.
std::size_t command_position(std::span<const char* const> words);

/// The number of a job: "42". Nothing, if it is not one.
std::optional<JobId> job_number(std::string_view text);

} // namespace dkms
