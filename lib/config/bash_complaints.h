// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dkms {

/// What bash said about a line of a configuration: a syntax error, a command that is not there.
struct BashComplaint {
    std::filesystem::path file;
    unsigned line = 0;
    std::string text; ///< "syntax error: unexpected end of file"; valid UTF-8, one line

    bool is_syntax() const; ///< bash reads no further then
    /// As bash writes it: "FILE: line N: TEXT".
    std::string sentence() const;
};

/// A name under which bash may have read a file: its path, or that of a descriptor.
struct ReadAs {
    std::string name;
    std::filesystem::path file;
};

/// Those among the lines of `text`, what bash wrote to its standard error, that bash itself said about one of `files`;
/// what a command in them wrote is left out. At most 20.
std::vector<BashComplaint> complaints_in(std::string_view text, const std::vector<ReadAs>& files);

} // namespace dkms
