// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/make_call.h"

#include "lib/config/line_pattern.h"

namespace dkms {
namespace {

class CallReader {
public:
    CallReader(std::span<const std::string> words, const MakefileVariables& variables)
        : words_(words), variables_(variables)
    {
    }

    MakeCall read()
    {
        while (next_ < words_.size()) read_word(words_[next_++]);
        return std::move(call_);
    }

private:
    std::string value_of(const std::string& text) const { return expanded_text(text, variables_).value_or(text); }

    void read_word(const std::string& word)
    {
        static const LinePattern assignment("^([A-Za-z_][A-Za-z0-9_.-]*)[:+?]?=(.*)$");
        if (const auto directory = option(word, "-C", "--directory")) {
            call_.directory = value_of(*directory);
        } else if (const auto file = option(word, "-f", "--file")) {
            call_.file = value_of(*file);
        } else if (word == "-j" || word == "--jobs" || word == "-l") {
            if (next_ < words_.size() && words_[next_].find_first_not_of("0123456789") == std::string::npos) ++next_;
        } else if (const auto name = assignment.group(word, 1)) {
            call_.given[*name] = value_of(assignment.group(word, 2).value_or(""));
        } else if (!word.starts_with('-')) {
            read_goal(word);
        }
    }

    /// "-Cx", "-C x", "--directory=x"
    std::optional<std::string> option(const std::string& word, std::string_view brief, std::string_view full)
    {
        if (word == brief || word == full) return next_ < words_.size() ? std::optional(words_[next_++]) : std::nullopt;
        if (word.starts_with(std::string(full) + "=")) return word.substr(full.size() + 1);
        if (word.starts_with(brief)) return word.substr(brief.size());
        return std::nullopt;
    }

    void read_goal(const std::string& word)
    {
        static const LinePattern flags("^[$][({][A-Za-z0-9_]*FLAGS[)}]$"); // make's own
        if (flags.fits(word)) return;
        const auto goals = expanded_words(word, variables_);
        for (const auto& goal : goals) {
            call_.clear = call_.clear && goal.has_value();
            if (goal) call_.goals.push_back(*goal);
        }
    }

    std::span<const std::string> words_;
    const MakefileVariables& variables_;
    std::size_t next_ = 0;
    MakeCall call_;
};

} // namespace

MakeCall make_call(std::span<const std::string> words, const MakefileVariables& variables)
{
    return CallReader(words, variables).read();
}

bool is_make(const std::string& word)
{
    static const LinePattern make("^(\\\\?|/.*/)g?make$|^[$][({]MAKE[)}]$");
    return make.fits(word);
}

} // namespace dkms
