// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dkms {

/// Thrown where the native reader is not sure that it would read the same as bash. Never leaves lib/config.
struct Unsure {};

/// The value of element `index` of a variable, empty if that is known to be unset; nothing if the variable is not known
/// at all.
using VariableLookup = std::function<std::optional<std::string>(std::string_view name, unsigned index)>;

/// Where the native reader is in a text.
class ShellText {
public:
    explicit ShellText(std::string_view text) : text_(text) {}

    bool at_end() const { return position_ >= text_.size(); }
    /// The character `ahead` of the present one, '\0' beyond the end.
    char peek(std::size_t ahead = 0) const
    {
        return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0';
    }
    char take();
    void skip(std::size_t count) { position_ += count; }
    /// Skips what comes if it is `expected`.
    bool skip_if(char expected);
    /// A name as variables have it; throws Unsure if there is none.
    std::string_view take_name();
    /// Decimal digits as a number below 100000 without leading zeros; throws Unsure otherwise.
    unsigned take_number();

private:
    std::string_view text_;
    std::size_t position_ = 0;
};

/// Reads the right side of an assignment as bash does: quotes, escapes, $name, ${name}, ${name[#]}. Stops before a
/// blank, newline or ';' that is not quoted, and at the end. `budget` is lessened by what comes out. Throws Unsure for
/// everything else, and when the budget is used up.
std::string read_shell_word(ShellText& text, const VariableLookup& lookup, std::size_t& budget);

} // namespace dkms
