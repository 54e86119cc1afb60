// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/config/conf_outline.h"
#include "lib/config/conf_values.h"
#include "lib/config/lint_rules.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace dkms {

/// What lint() looks at, read and evaluated once.
struct LintSubject {
    std::filesystem::path conf;      ///< the configuration
    std::filesystem::path directory; ///< the source beside it; empty: it is looked at alone
    std::string text;                ///< of the configuration, with plain line ends
    bool dos_line_ends = false;      ///< whether it had others
    ConfOutline outline;
    ConfContext context;                   ///< with the module's own name and version
    std::vector<BashComplaint> complaints; ///< of bash, about the text
    ConfVariables variables;               ///< for context.kernel; empty when it cannot be evaluated
    ConfVariables other_variables;         ///< the same for another kernel

    bool has_source() const { return !directory.empty(); }
    /// A value, empty where there is none.
    std::string value(const std::string& name, unsigned index = 0) const
    {
        return ConfValues(variables).value(name, index);
    }
    /// The elements of an array that are not empty.
    std::map<unsigned, std::string> elements(const std::string& name) const
    {
        return ConfValues(variables).elements(name);
    }
    /// "MAKE[0]", or "MAKE" where it is written without an index.
    std::string element_text(const std::string& name, unsigned index) const;
    /// The records that can be read, whatever else is wrong with the configuration: name and location only.
    std::vector<ConfModule> records() const;
    /// Whether a value is there for another kernel too, and the same.
    bool ignores_kernel(const std::string& name, unsigned index = 0) const;
};

/// The parts of lint(), one file each. Each adds what it finds.
void lint_text(const LintSubject& subject, Findings& findings);      ///< how the configuration is written
void lint_values(const LintSubject& subject, Findings& findings);    ///< what it says
void lint_commands(const LintSubject& subject, Findings& findings);  ///< MAKE
void lint_scripts(const LintSubject& subject, Findings& findings);   ///< PRE_BUILD … and the files they name
void lint_makefiles(const LintSubject& subject, Findings& findings); ///< what the build will make, and from what
void lint_directory(const LintSubject& subject, Findings& findings); ///< the source as a whole

} // namespace dkms
