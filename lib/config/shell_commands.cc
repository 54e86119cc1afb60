// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/shell_commands.h"

#include <algorithm>

namespace dkms {
namespace {

class CommandReader {
public:
    explicit CommandReader(std::string_view text) : text_(text) {}

    std::vector<ShellCommand> read()
    {
        while (at_ < text_.size()) read_part();
        end_command();
        return std::move(commands_);
    }

private:
    void read_part()
    {
        const char c = text_[at_];
        if (c == ' ' || c == '\t') {
            end_word();
            ++at_;
        } else if (std::string_view(";&|()\n").find(c) != std::string_view::npos) {
            end_command();
            ++at_;
        } else if (c == '#' && !in_word_) {
            at_ = std::min(text_.find('\n', at_), text_.size());
        } else if (c == '>' || c == '<') {
            read_redirection(c);
        } else if (c == '\'' || c == '"') {
            take_quoted(c);
        } else if (c == '\\' && at_ + 1 < text_.size()) {
            take(at_ + 1, at_ + 2);
        } else if (c == '$' || c == '`') {
            take(at_, behind_reference());
        } else {
            take(at_, at_ + 1);
        }
    }

    void take(std::size_t begin, std::size_t end)
    {
        word_ += text_.substr(begin, end - begin);
        in_word_ = true;
        at_ = end;
    }

    void take_quoted(char quote)
    {
        const std::size_t begin = at_ + 1;
        std::size_t end = begin;
        while (end < text_.size() && text_[end] != quote) end += quote == '"' && text_[end] == '\\' ? 2 : 1;
        end = std::min(end, text_.size());
        take(begin, end);
        at_ = std::min(end + 1, text_.size());
    }

    /// Behind "$name", "$(…)", "$$(…)", "`…`", which begins here.
    std::size_t behind_reference() const
    {
        if (text_[at_] == '`') return std::min(text_.find('`', at_ + 1), text_.size() - 1) + 1;
        std::size_t end = at_ + 1;
        while (end < text_.size() && text_[end] == '$') ++end;
        if (end >= text_.size() || (text_[end] != '(' && text_[end] != '{')) return end;
        for (int depth = 0; end < text_.size(); ++end) {
            if (text_[end] == '(' || text_[end] == '{') ++depth;
            if ((text_[end] == ')' || text_[end] == '}') && --depth == 0) return end + 1;
        }
        return end;
    }

    /// ">file", "2>&1", "</dev/null": where to is no word of the command.
    void read_redirection(char direction)
    {
        if (word_.find_first_not_of("0123456789") == std::string::npos) word_.clear(), in_word_ = false;
        end_word();
        const std::size_t begin = std::min(text_.find_first_not_of("<>& \t", at_), text_.size());
        const bool copies = text_.substr(at_, begin - at_).find('&') != std::string_view::npos;
        const std::size_t end = std::min(text_.find_first_of(" \t;&|()<>\n", begin), text_.size());
        const std::string_view target = text_.substr(begin, end - begin);
        command_.writes = command_.writes || (direction == '>' && !copies && target != "/dev/null");
        at_ = std::max(end, at_ + 1);
    }

    void end_word()
    {
        if (in_word_) command_.words.push_back(std::move(word_));
        word_.clear();
        in_word_ = false;
    }

    void end_command()
    {
        end_word();
        if (!command_.words.empty() || command_.writes) commands_.push_back(std::move(command_));
        command_ = {};
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string word_;
    bool in_word_ = false;
    ShellCommand command_;
    std::vector<ShellCommand> commands_;
};

} // namespace

std::vector<ShellCommand> shell_commands(std::string_view text) { return CommandReader(text).read(); }

} // namespace dkms
