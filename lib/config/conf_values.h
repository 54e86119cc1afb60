// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"

#include <string>
#include <vector>

namespace dkms {

/// Expanded values by name and index; what is not set is empty.
class ConfValues {
public:
    /// Keeps a reference.
    explicit ConfValues(const ConfVariables& variables) : variables_(variables) {}

    std::string value(const std::string& name, unsigned index = 0) const;
    /// Whether the element is there, be it empty.
    bool has(const std::string& name, unsigned index) const;
    /// Elements that are not empty.
    std::map<unsigned, std::string> elements(const std::string& name) const;
    /// Those of them whose index is lower than the number of elements that are set. The old program counts its way
    /// through MAKE and PATCH like that; of four elements, the one with index 5 is not seen.
    std::map<unsigned, std::string> counted(const std::string& name) const;
    /// Indexes of elements that are set, be they empty.
    std::vector<unsigned> indexes(const std::string& name) const;

private:
    const ConfVariables& variables_;
};

/// The words of `text`, which blanks separate.
std::vector<std::string> words_of(const std::string& text);

} // namespace dkms
