// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/parser.h"

#include "client/option_table.h"
#include "client/suggestion.h"
#include "client/text.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace dkms {
namespace {

std::string in_quotes(std::string_view text) { return "'" + printable(text) + "'"; }

/// Thrown and caught in this file alone.
struct NotTaken {
    Misunderstood fault;
};

[[noreturn]] void refuse(std::string reason, std::string remedy = {})
{
    throw NotTaken{{std::move(reason), std::move(remedy)}};
}

/// A word taken apart: "--name=value" or "--name"; "-n" or "-nvalue".
struct Option {
    std::string name;
    std::optional<std::string> value;
};

bool is_option(std::string_view word) { return word.size() > 1 && word.front() == '-'; }

template <typename Condition>
const OptionRow* find_option(std::string_view name, Condition condition)
{
    for (const OptionRow& row : option_table())
        if (!name.empty() && (row.name == name || row.letter == name) && condition(row)) return &row;
    return nullptr;
}

const OptionRow* any_option(std::string_view name)
{
    return find_option(name, [](const OptionRow&) { return true; });
}

template <typename Number>
std::optional<Number> number_in(std::string_view text)
{
    Number number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::string limits_text(const NumberTarget& number)
{
    return "a number from " + std::to_string(number.least) + " to " + std::to_string(number.most);
}

/// Puts one value where its row says.
class Assignment {
public:
    Assignment(Words& words, const OptionRow& row, const std::string& value) : words_(words), row_(row), value_(value)
    {
    }

    void operator()(bool Words::*flag) const { words_.*flag = true; }
    void operator()(bool Options::*flag) const { words_.options.*flag = true; }
    void operator()(std::string Words::*text) const { words_.*text = value_; }
    void operator()(std::string Options::*text) const { words_.options.*text = value_; }
    void operator()(std::vector<std::string> Words::*list) const { (words_.*list).push_back(value_); }
    void operator()(std::vector<std::string> Options::*list) const { (words_.options.*list).push_back(value_); }
    void operator()(const NumberTarget& target) const
    {
        const auto number = number_in<unsigned>(value_);
        if (!number || *number < target.least || *number > target.most)
            refuse(std::string(row_.shown()) + " takes " + limits_text(target) + ", not " + in_quotes(value_));
        target.set(words_, *number);
    }

private:
    Words& words_;
    const OptionRow& row_;
    const std::string& value_;
};

class Parser {
public:
    Parser(const CommandRow& command, const std::vector<std::string>& given) : command_(command), given_(given) {}

    Words parse()
    {
        bool options_end = false;
        for (next_ = 0; next_ < given_.size();) {
            const std::string& word = given_[next_++];
            if (!options_end && word == "--")
                options_end = true;
            else if (!options_end && word.starts_with("--"))
                take_long(word);
            else if (!options_end && is_option(word))
                take_letters(word);
            else
                take_argument(word);
        }
        require_arguments();
        return words_;
    }

private:
    void take_long(const std::string& word)
    {
        const auto equals = word.find('=');
        const std::string name = word.substr(0, equals);
        const OptionRow& row = row_of(name);
        if (equals == std::string::npos) return take(row, std::nullopt);
        if (!row.takes_value()) refuse(name + " takes no value");
        take(row, word.substr(equals + 1));
    }

    /// "-q", "-qf", "-k6.1", "-k=6.1".
    void take_letters(const std::string& word)
    {
        for (std::size_t i = 1; i < word.size(); ++i) {
            const OptionRow& row = row_of("-" + word.substr(i, 1));
            if (!row.takes_value()) {
                take(row, std::nullopt);
                continue;
            }
            const std::string rest = word.substr(i + 1);
            if (rest.empty()) return take(row, std::nullopt);
            return take(row, rest.front() == '=' ? rest.substr(1) : rest);
        }
    }

    bool is_taken(const OptionRow& row) const { return (row.groups & command_.groups) != 0; }

    const OptionRow& row_of(const std::string& name) const
    {
        const OptionRow* const row = find_option(name, [this](const OptionRow& one) { return is_taken(one); });
        if (row != nullptr) return *row;
        std::vector<std::string> known;
        for (const OptionRow& one : option_table())
            if (is_taken(one) && !one.name.empty()) known.emplace_back(one.name);
        const bool is_long = name.starts_with("--") && name.size() > 2;
        refuse(in_quotes(name) + " is not an option of " + std::string(command_.name),
               is_long ? did_you_mean(name, known) : "");
    }

    void take(const OptionRow& row, std::optional<std::string> value)
    {
        if (row.takes_value() && !value) value = following_value(row);
        const bool again = row.takes_value() && !row.is_repeatable() && !seen_.insert(&row).second;
        if (again) refuse(std::string(row.shown()) + " is given twice");
        if (value && value->empty()) refuse("the value of " + std::string(row.shown()) + " is empty");
        const std::string text = value.value_or("");
        std::visit(Assignment(words_, row, text), row.target);
    }

    /// The next word, unless that is an option of this command.
    std::string following_value(const OptionRow& row)
    {
        const bool is_there = next_ < given_.size() && given_[next_] != "--";
        if (!is_there || is_known(given_[next_]))
            refuse(std::string(row.shown()) + " needs a value: " + std::string(row.value));
        return given_[next_++];
    }

    bool is_known(const std::string& word) const
    {
        const auto name = word.starts_with("--") ? word.substr(0, word.find('=')) : word;
        return is_option(word) && find_option(name, [this](const OptionRow& one) { return is_taken(one); }) != nullptr;
    }

    void take_argument(const std::string& word)
    {
        const auto rows = argument_table();
        const auto row = std::find_if(rows.begin(), rows.end(),
                                      [this](const ArgumentRow& one) { return (one.groups & command_.groups) != 0; });
        if (row == rows.end()) refuse(std::string(command_.name) + " takes no argument, such as " + in_quotes(word));
        if (arguments_++ == row->most) refuse(in_quotes(word) + " is one argument too many");
        if (row->several != nullptr)
            (words_.*(row->several)).push_back(word);
        else
            words_.*(row->word) = word;
    }

    void require_arguments() const
    {
        const auto has = [this](unsigned group) { return (command_.groups & group) != 0; };
        if (words_.help) return;
        if (has(group_module) && words_.module.empty() && words_.module_option.empty()) refuse("no module was given");
        if (has(group_job) && words_.jobs.empty()) refuse("no job was given", "'dkmsctl jobs' lists them.");
        if (has(group_source) && words_.path.empty()) refuse("no archive or directory was given");
        if (has(group_path) && words_.path.empty()) refuse("no directory or dkms.conf was given");
        for (const std::string& job : words_.jobs)
            if (!job_number(job)) refuse(in_quotes(job) + " is not the number of a job", "'dkmsctl jobs' lists them.");
    }

    const CommandRow& command_;
    const std::vector<std::string>& given_;
    std::size_t next_ = 0;
    std::size_t arguments_ = 0;
    std::set<const OptionRow*> seen_;
    Words words_;
};

} // namespace

std::variant<Words, Misunderstood> parse_words(const CommandRow& row, const std::vector<std::string>& words)
{
    const auto is_help = [](const std::string& word) { return word == "--help" || word == "-h"; };
    const auto end = std::find(words.begin(), words.end(), "--");
    if (std::any_of(words.begin(), end, is_help)) {
        Words help;
        help.help = true;
        return help;
    }
    try {
        return Parser(row, words).parse();
    } catch (const NotTaken& refused) {
        return refused.fault;
    }
}

std::size_t command_position(std::span<const char* const> words)
{
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i];
        if (!is_option(word)) return i;
        const OptionRow* const row = any_option(word); // "--name=value" is none, and so has no word behind it
        if (row != nullptr && row->takes_value()) ++i;
    }
    return words.size();
}

std::optional<JobId> job_number(std::string_view text)
{
    const auto number = number_in<JobId>(text);
    return number && *number > 0 ? number : std::nullopt;
}

} // namespace dkms
