// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/commands.h"

#include <string>
#include <variant>
#include <vector>

namespace dkms {

/// The words behind a command, sorted by option but not yet understood.
struct Words {
    std::string module; ///< the positional MODULE[/VERSION]
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
    std::vector<JobId> jobs;
    std::string path;
    std::string format;
    std::string output;
    bool strict = false;
    bool json = false;
    bool no_wait = false;
    bool quiet = false;
    bool every = false;
    bool hook = false;
    bool newest = false;
};

/// --help was among the words: the list of the command's options.
struct HelpWanted {
    std::string options;
};

/// A word that the command does not take, or one that is missing.
struct Misunderstood {
    std::string reason; ///< a sentence
};

/// Sorts the words by the groups of options that `row` takes. The one place that knows CLI11.
std::variant<Words, HelpWanted, Misunderstood> parse_words(const CommandRow& row,
                                                           const std::vector<std::string>& words);

} // namespace dkms
