// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/shell_word.h"

#include <utility>

namespace dkms {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool continues_name(char c) { return begins_name(c) || is_digit(c); }

/// Bash uses two control characters to mark quoted text and drops NUL; the rest does not stand in configuration files
/// either.
void check_plain(char c)
{
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < ' ' && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f) throw Unsure{};
}

class WordReader {
public:
    WordReader(ShellText& text, const VariableLookup& lookup, std::size_t& budget)
        : text_(text), lookup_(lookup), budget_(budget)
    {
    }

    std::string read()
    {
        while (!at_end_of_word()) read_part();
        return std::move(word_);
    }

private:
    bool at_end_of_word() const
    {
        if (text_.at_end()) return true;
        const char c = text_.peek();
        return c == ' ' || c == '\t' || c == '\n' || c == ';';
    }

    void add(char c)
    {
        check_plain(c);
        if (budget_ == 0) throw Unsure{};
        --budget_;
        word_ += c;
    }

    void add(const std::string& value)
    {
        if (budget_ < value.size()) throw Unsure{};
        budget_ -= value.size();
        word_ += value;
    }

    void read_part()
    {
        if (text_.peek() == '\\' && text_.peek(1) == '\n') return text_.skip(2);
        const char c = text_.take();
        const bool tilde_counts = std::exchange(tilde_counts_, c == ':' || c == '=');
        switch (c) {
        case '"':
            return read_double_quoted();
        case '\'':
            return read_single_quoted();
        case '\\':
            return read_escaped();
        case '$':
            return read_dollar(false);
        case '~':
            if (tilde_counts) throw Unsure{};
            return add(c);
        case '`':
        case '|':
        case '&':
        case '(':
        case ')':
        case '<':
        case '>':
            throw Unsure{};
        default:
            return add(c);
        }
    }

    void read_single_quoted()
    {
        for (;;) {
            if (text_.at_end()) throw Unsure{};
            const char c = text_.take();
            if (c == '\'') return;
            add(c);
        }
    }

    void read_double_quoted()
    {
        for (;;) {
            if (text_.at_end()) throw Unsure{};
            const char c = text_.take();
            if (c == '"') return;
            if (c == '`') throw Unsure{};
            if (c == '$')
                read_dollar(true);
            else if (c == '\\')
                read_escaped_in_quotes();
            else
                add(c);
        }
    }

    void read_escaped()
    {
        if (text_.at_end()) throw Unsure{};
        const char c = text_.take();
        if (c == '\r' || c == '\t') throw Unsure{}; // most likely not meant
        add(c);
    }

    void read_escaped_in_quotes()
    {
        if (text_.at_end()) throw Unsure{};
        const char c = text_.take();
        if (c == '\n') return;
        if (c != '$' && c != '`' && c != '"' && c != '\\') add('\\');
        add(c);
    }

    void read_dollar(bool quoted)
    {
        const char next = text_.peek();
        if (begins_name(next)) return add_variable(text_.take_name(), 0);
        if (text_.skip_if('{')) return read_braced();
        // A lone dollar stands for itself: regular expressions end with it.
        const bool alone = quoted && (next == '"' || next == ' ' || next == '|' || next == ')');
        if (!alone) throw Unsure{};
        add('$');
    }

    void read_braced()
    {
        const std::string_view name = text_.take_name();
        unsigned index = 0;
        if (text_.skip_if('[')) {
            index = text_.take_number();
            if (!text_.skip_if(']')) throw Unsure{};
        }
        if (!text_.skip_if('}')) throw Unsure{};
        add_variable(name, index);
    }

    void add_variable(std::string_view name, unsigned index)
    {
        const auto value = lookup_(name, index);
        if (!value) throw Unsure{};
        add(*value);
    }

    ShellText& text_;
    const VariableLookup& lookup_;
    std::size_t& budget_;
    std::string word_;
    bool tilde_counts_ = true; // at the start, and after ':' and '=', it names a home directory
};

} // namespace

char ShellText::take()
{
    const char c = peek();
    ++position_;
    return c;
}

bool ShellText::skip_if(char expected)
{
    if (at_end() || peek() != expected) return false;
    ++position_;
    return true;
}

std::string_view ShellText::take_name()
{
    if (!begins_name(peek())) throw Unsure{};
    const std::size_t start = position_;
    while (continues_name(peek())) ++position_;
    if (peek() == '\\' && peek(1) == '\n') throw Unsure{}; // the name goes on in the next line
    return text_.substr(start, position_ - start);
}

unsigned ShellText::take_number()
{
    constexpr std::size_t most_digits = 5;
    const std::size_t start = position_;
    unsigned number = 0;
    while (is_digit(peek()) && position_ - start < most_digits)
        number = number * 10 + static_cast<unsigned>(take() - '0');
    const std::size_t digits = position_ - start;
    const bool octal = digits > 1 && text_[start] == '0';
    if (digits == 0 || octal || is_digit(peek())) throw Unsure{};
    return number;
}

std::string read_shell_word(ShellText& text, const VariableLookup& lookup, std::size_t& budget)
{
    return WordReader(text, lookup, budget).read();
}

} // namespace dkms
