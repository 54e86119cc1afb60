// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/conf_outline.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace dkms {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_name_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool ends_command(char c) { return c == '\n' || c == ';' || c == '&' || c == '|' || c == '(' || c == ')'; }

/// Words behind which another command begins.
bool is_keyword(std::string_view word)
{
    constexpr std::array<std::string_view, 14> keywords{"if", "then", "else",   "elif",  "while",    "until",   "do",
                                                        "!",  "{",    "export", "local", "readonly", "declare", "time"};
    return std::find(keywords.begin(), keywords.end(), word) != keywords.end();
}

/// Nesting beyond this is nobody's configuration.
constexpr unsigned deepest = 50;

/// The position behind what begins at `at`: a quoted text, a substitution, an escape or a single character.
std::size_t behind_part(std::string_view text, std::size_t at, unsigned depth = 0);

std::size_t behind_closing(std::string_view text, std::size_t at, char closing, unsigned depth)
{
    while (at < text.size() && text[at] != closing) at = behind_part(text, at, depth + 1);
    return std::min(at + 1, text.size());
}

std::size_t behind_double_quoted(std::string_view text, std::size_t at, unsigned depth)
{
    while (at < text.size() && text[at] != '"') // an apostrophe is plain in there
        at = text[at] == '\'' ? at + 1 : behind_part(text, at, depth + 1);
    return std::min(at + 1, text.size());
}

std::size_t behind_part(std::string_view text, std::size_t at, unsigned depth)
{
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    if (depth > deepest) return at + 1;
    switch (text[at]) {
    case '\\':
        return std::min(at + 2, text.size());
    case '\'':
        return std::min(text.find('\'', at + 1), text.size() - 1) + 1;
    case '"':
        return behind_double_quoted(text, at + 1, depth);
    case '`':
        return behind_closing(text, at + 1, '`', depth);
    case '(':
        return behind_closing(text, at + 1, ')', depth);
    case '$':
        if (next == '(') return behind_closing(text, at + 2, ')', depth);
        if (next == '{') return behind_closing(text, at + 2, '}', depth);
        return at + 1;
    default:
        return at + 1;
    }
}

/// Splits "NAME[index]=value" and "NAME+=value"; false for other words.
bool split_assignment(std::string_view word, ConfStatement& statement)
{
    std::size_t at = 0;
    while (at < word.size() && is_name_character(word[at])) ++at;
    if (at == 0 || std::isdigit(static_cast<unsigned char>(word[0])) != 0) return false;
    statement.name = word.substr(0, at);
    if (at < word.size() && word[at] == '[') {
        const std::size_t close = word.find(']', at);
        if (close == std::string_view::npos) return false;
        statement.index = word.substr(at + 1, close - at - 1);
        at = close + 1;
    }
    if (word.substr(at, 1) == "+") ++at;
    if (word.substr(at, 1) != "=") return false;
    statement.raw = word.substr(at + 1);
    return true;
}

class OutlineReader {
public:
    explicit OutlineReader(std::string_view text) : text_(text) {}

    ConfOutline read()
    {
        while (skip_to_word()) read_word();
        end_command();
        return std::move(outline_);
    }

private:
    void advance(std::size_t to)
    {
        line_ += static_cast<unsigned>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                                  text_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
        at_ = to;
    }

    bool skip_to_word()
    {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '#')
                advance(std::min(text_.find('\n', at_), text_.size()));
            else if (text_.substr(at_, 2) == "\\\n")
                advance(at_ + 2);
            else if (!ends_command(c) && !is_blank(c))
                return true;
            else
                skip_separator(c);
        }
        return false;
    }

    void skip_separator(char c)
    {
        if (ends_command(c)) end_command();
        advance(at_ + 1);
    }

    std::string_view take_word()
    {
        const std::size_t start = at_;
        std::size_t at = at_;
        while (at < text_.size() && !is_blank(text_[at])) {
            const bool array = text_[at] == '(' && at > start && text_[at - 1] == '=';
            if (ends_command(text_[at]) && !array) break;
            at = behind_part(text_, at);
        }
        advance(at);
        return text_.substr(start, at - start);
    }

    void read_word()
    {
        const unsigned line = line_;
        const std::string_view word = take_word();
        ConfStatement statement;
        if (in_command_) {
            ConfCommand& command = outline_.commands.back();
            if (command.next.empty()) command.next = word;
        } else if (split_assignment(word, statement)) {
            statement.line = line;
            statement.exported = exporting_;
            outline_.statements.push_back(std::move(statement));
            ++pending_;
        } else if (is_keyword(word)) {
            exporting_ = word == "export";
        } else {
            begin_command(word, line);
        }
    }

    void begin_command(std::string_view word, unsigned line)
    {
        outline_.commands.push_back({std::string(word), "", line});
        for (auto last = outline_.statements.rbegin(); pending_ > 0; ++last, --pending_) last->before_word = word;
        in_command_ = true;
    }

    void end_command()
    {
        in_command_ = false;
        exporting_ = false;
        pending_ = 0;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned line_ = 1;
    bool in_command_ = false;
    bool exporting_ = false;
    unsigned pending_ = 0; ///< assignments since the command began
    ConfOutline outline_;
};

/// Follows the first expansion through quotes.
class OnceExpanded {
public:
    explicit OnceExpanded(std::string_view raw) : raw_(raw) {}

    std::string text()
    {
        while (at_ < raw_.size()) take();
        return std::move(text_);
    }

private:
    void take()
    {
        const char c = raw_[at_];
        if (c == '"') {
            quoted_ = !quoted_;
            ++at_;
        } else if (c == '\'' && !quoted_) {
            const std::size_t end = behind_part(raw_, at_);
            text_ += raw_.substr(at_ + 1, end - at_ - 2);
            at_ = end;
        } else if (c == '\\') {
            take_escaped();
        } else if (c == '`' || (c == '$' && expands(at_ + 1))) {
            text_ += expanded_early;
            at_ = behind_variable();
        } else {
            text_ += c;
            ++at_;
        }
    }

    void take_escaped()
    {
        const char next = at_ + 1 < raw_.size() ? raw_[at_ + 1] : '\\';
        const bool special = next == '$' || next == '`' || next == '"' || next == '\\';
        if (quoted_ && !special && next != '\n') text_ += '\\';
        if (next != '\n') text_ += next;
        at_ += 2;
    }

    bool expands(std::size_t at) const
    {
        return at < raw_.size() && (is_name_character(raw_[at]) || raw_[at] == '{' || raw_[at] == '(');
    }

    std::size_t behind_variable() const
    {
        std::size_t end = behind_part(raw_, at_);
        if (end == at_ + 1)
            while (end < raw_.size() && is_name_character(raw_[end])) ++end;
        return end;
    }

    std::string_view raw_;
    std::size_t at_ = 0;
    bool quoted_ = false;
    std::string text_;
};

} // namespace

const ConfStatement* ConfOutline::statement(std::string_view name, unsigned index) const
{
    const ConfStatement* of_name = nullptr;
    const std::string number = std::to_string(index);
    for (auto one = statements.rbegin(); one != statements.rend(); ++one) {
        if (one->name != name) continue;
        if (one->index == number || (one->index.empty() && index == 0)) return &*one;
        if (of_name == nullptr) of_name = &*one;
    }
    return of_name;
}

unsigned ConfOutline::line_of(std::string_view name, unsigned index) const
{
    const ConfStatement* found = statement(name, index);
    return found == nullptr ? 0 : found->line;
}

ConfOutline conf_outline(std::string_view text) { return OutlineReader(text).read(); }

std::string once_expanded(std::string_view raw) { return OnceExpanded(raw).text(); }

} // namespace dkms
