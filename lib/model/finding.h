// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace dkms {

/// How much a finding matters: an error is why a module cannot be added, built or installed, or is built for the wrong
/// kernel; a warning works by luck, or not everywhere; a note is good to know.
enum class Severity { error, warning, note };
std::string_view name_of(Severity severity);
std::optional<Severity> severity_of(std::string_view name);

/// Something in a module's source that its author should look at.
struct Finding {
    std::string rule; ///< name of the rule, for programs: "uname-in-makefile"
    Severity severity = Severity::note;
    std::string file;    ///< absolute path
    unsigned line = 0;   ///< counted from 1; 0: the file or directory as a whole
    std::string message; ///< a sentence
    std::string remedy;  ///< a sentence that says what to do; may be empty

    bool operator==(const Finding&) const = default;
};

/// {"rule":…,"severity":"error","file":…,"line":3,"message":…,"remedy":…}; without a line where there is none.
nlohmann::json to_json(const Finding& finding);
/// Throws Error InvalidArgs for a severity that is not known.
Finding finding_from_json(const nlohmann::json& value);

} // namespace dkms
