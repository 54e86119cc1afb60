// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// An assignment as it stands in a dkms.conf: where it is, and how it is written.
struct ConfStatement {
    std::string name;        ///< "MAKE"
    std::string index;       ///< what stands in the brackets, "" without any: "0", "$i"
    std::string raw;         ///< the right side with its quotes
    unsigned line = 0;       ///< where it begins, counted from 1
    bool exported = false;   ///< programs that are started see it
    std::string before_word; ///< the command it stands before, which alone sees it; empty for a plain assignment
};

/// The first word of a command.
struct ConfCommand {
    std::string word;
    std::string next; ///< the word behind it on the same line; may be empty
    unsigned line = 0;
};

/// What stands where in a bash file. A rough reading that starts nothing and never fails: it knows quotes, comments,
/// substitutions and keywords, and no more. For telling a person where to look, not for taking values from.
struct ConfOutline {
    std::vector<ConfStatement> statements;
    std::vector<ConfCommand> commands;

    /// The statement an evaluated element comes from: the last one of that name and index, else the last of that name;
    /// nullptr if there is none.
    const ConfStatement* statement(std::string_view name, unsigned index) const;
    /// Its line; 0 if there is none.
    unsigned line_of(std::string_view name, unsigned index = 0) const;
};
ConfOutline conf_outline(std::string_view text);

/// Marks in once_expanded() what was expanded while the file was read.
constexpr char expanded_early = '\x01';

/// The right side of an assignment after the first of its two expansions, with expanded_early in place of every
/// variable and substitution. A '$' or '"' in it is one that the second expansion sees.
std::string once_expanded(std::string_view raw);

} // namespace dkms
