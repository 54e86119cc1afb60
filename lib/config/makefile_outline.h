// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// What must hold for the lines below it: "ifeq ($(X),y)", or that this does not hold.
struct MakefileCondition {
    std::shared_ptr<const std::string> text;
    bool negated = false;
};

/// Where something stands in a Makefile, and under which conditions.
struct MakefilePlace {
    std::filesystem::path file;
    unsigned line = 0;                         ///< where it begins, counted from 1
    std::vector<MakefileCondition> conditions; ///< outermost first
    bool sure = true;                          ///< whether all of these are known to hold, see settle_conditions()
};

/// "NAME := value" in a Makefile.
struct MakefileAssignment : MakefilePlace {
    std::string variable; ///< as written: "obj-$(CONFIG_HELLO)"
    std::string value;    ///< without comment, continued lines joined
    bool adds = false;    ///< by +=
    bool weak = false;    ///< by ?=
};

/// Any other line: of a recipe, a condition, a rule.
struct MakefileLine : MakefilePlace {
    std::string text;
    std::string target; ///< what the recipe makes that it belongs to, if it belongs to one
};

/// What stands where in a Makefile or Kbuild file. A rough reading that runs nothing and never fails.
struct MakefileOutline {
    std::filesystem::path file;
    std::vector<MakefileAssignment> assignments;
    std::vector<MakefileLine> others;
    std::set<std::string> targets; ///< of its rules, as written
    bool includes = false;  ///< it includes others that were not read, or sets vpath: what is not in it may be there
    bool by_kbuild = false; ///< it was read as the kernel's build reads it, which takes its lists

    /// Whether rules say how to make the file: one for it, or one for a pattern that it fits.
    bool makes(const std::string& name) const;
};
MakefileOutline makefile_outline(const std::filesystem::path& file, std::string_view text);

/// Whether a file of this name is a Makefile, a Kbuild file, or made to be included by one.
bool is_makefile_name(const std::string& name);

/// Whether a line is a rule, of which it has the target.
inline bool is_rule(const MakefileLine& line)
{
    return !line.target.empty() && !line.text.empty() && line.text.front() != '\t';
}

/// Values of variables, for expanding others.
using MakefileVariables = std::map<std::string, std::string>;

/// The variables of a Makefile that have one value only, and `given` ones, which win. A default of one that the
/// kernel's configuration may set (CONFIG_X ?= n) is no value.
MakefileVariables makefile_variables(const MakefileOutline& makefile, const MakefileVariables& given);

/// The words of `text`, variables replaced; those with a part that is not known, such as a function, are nothing.
std::vector<std::optional<std::string>> expanded_words(const std::string& text, const MakefileVariables& variables);

/// `text` with its variables replaced; nothing when a part of it is not known.
std::optional<std::string> expanded_text(const std::string& text, const MakefileVariables& variables);

/// Takes out what stands under conditions that do not hold for a make that is given `given`; where that cannot be
/// known, it stays and is not sure.
void settle_conditions(MakefileOutline& makefile, const MakefileVariables& given);

} // namespace dkms
