// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/parser.h"

#include <span>
#include <string_view>
#include <variant>

namespace dkms {

/// A number in a member of Options, with its limits.
struct NumberTarget {
    void (*set)(Words& words, unsigned value);
    unsigned least;
    unsigned most;
};

/// Where the value of an option goes; `true` for one that takes none. One that goes into a list may be repeated.
using OptionTarget = std::variant<bool Words::*, bool Options::*, std::string Words::*, std::string Options::*,
                                  std::vector<std::string> Words::*, std::vector<std::string> Options::*, NumberTarget>;

/// An option of the commands that have one of its groups.
struct OptionRow {
    unsigned groups;         ///< of OptionGroup
    std::string_view letter; ///< "-k", or empty
    std::string_view name;   ///< "--kernel", or empty
    std::string_view value;  ///< what stands for its value in help, "KERNEL[/ARCH]"; empty: it takes none
    std::string_view summary;
    OptionTarget target;

    bool takes_value() const { return !value.empty(); }
    bool is_repeatable() const
    {
        return std::holds_alternative<std::vector<std::string> Words::*>(target) ||
               std::holds_alternative<std::vector<std::string> Options::*>(target);
    }
    /// As it is named in a message: the long name, if there is one.
    std::string_view shown() const { return name.empty() ? letter : name; }
};

/// All options, in the order in which help shows them. --help, which every command takes, is the first.
std::span<const OptionRow> option_table();

/// The words that a command takes besides options.
struct ArgumentRow {
    unsigned groups;
    std::size_t most;
    std::string Words::*word;                 ///< where the last one goes; nullptr: into `words`
    std::vector<std::string> Words::*several; ///< nullptr: into `word`
};
std::span<const ArgumentRow> argument_table();

} // namespace dkms
