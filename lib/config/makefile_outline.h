// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// "NAME := value" in a Makefile, whatever condition it stands under.
struct MakefileAssignment {
    std::string variable; ///< as written: "obj-$(CONFIG_HELLO)"
    std::string value;    ///< without comment, continued lines joined
    bool adds = false;    ///< by +=
    unsigned line = 0;    ///< where it begins, counted from 1
};

/// Any other line: of a recipe, a condition, a rule.
struct MakefileLine {
    std::string text;
    std::string target; ///< what the recipe makes that it belongs to, if it belongs to one
    unsigned line = 0;
};

/// What stands where in a Makefile or Kbuild file. A rough reading that runs nothing and never fails.
struct MakefileOutline {
    std::filesystem::path file;
    std::vector<MakefileAssignment> assignments;
    std::vector<MakefileLine> others;
    std::set<std::string> targets; ///< of its rules, as written
    bool includes = false;         ///< it includes others, or sets vpath: what is not in it may be there

    /// Whether rules say how to make the file: one for it, or one for a pattern that it fits.
    bool makes(const std::string& name) const;
};
MakefileOutline makefile_outline(const std::filesystem::path& file, std::string_view text);

/// Whether a file of this name is a Makefile, a Kbuild file, or made to be included by one.
bool is_makefile_name(const std::string& name);

/// Values of variables, for expanding others.
using MakefileVariables = std::map<std::string, std::string>;

/// The variables of a Makefile that have one value only, and `given` ones, which win.
MakefileVariables makefile_variables(const MakefileOutline& makefile, const MakefileVariables& given);

/// The words of `text`, variables replaced; those with a part that is not known, such as a function, are nothing.
std::vector<std::optional<std::string>> expanded_words(const std::string& text, const MakefileVariables& variables);

} // namespace dkms
