// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/make_command.h"

#include "lib/model/ids.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace dkms {
namespace {

bool begins_with_word(std::string_view text, std::string_view word)
{
    return text.starts_with(word) &&
           (text.size() == word.size() || text[word.size()] == ' ' || text[word.size()] == '\t');
}

bool begins_with_quoted_make(std::string_view make)
{
    return begins_with_word(make, "'make'") || begins_with_word(make, "\"make\"") || begins_with_word(make, "\\make");
}

/// Whether words can be put at the end and still belong to the first command.
bool is_one_command(std::string_view make) { return make.find_first_of(";&|#\n()") == std::string_view::npos; }

std::string default_make(const MakeSettings& settings)
{
    const std::string where = "make -C " + settings.source_dir.string();
    if (is_before_2_6(settings.release)) return where + " SUBDIRS=" + settings.build.string() + " modules";
    return where + " M=" + settings.build.string();
}

std::string jobs_text(const std::optional<MakeJobs>& jobs)
{
    if (!jobs) return "";
    return jobs->limited ? " -j" + std::to_string(jobs->number) : " -j";
}

/// A word of a command and where it stands in the text, with the blanks before it.
struct Word {
    std::string_view text;
    std::size_t begin;
    std::size_t end;
};

std::vector<Word> words_of(std::string_view command)
{
    std::vector<Word> words;
    for (std::size_t at = 0; at < command.size();) {
        const std::size_t first = command.find_first_not_of(" \t\n", at);
        if (first == std::string_view::npos) break;
        const std::size_t end = std::min(command.find_first_of(" \t\n;&|)", first + 1), command.size());
        words.push_back({command.substr(first, end - first), at, end});
        at = end;
    }
    return words;
}

/// The number that a text is, and nothing else.
std::optional<unsigned> number_in(std::string_view text)
{
    unsigned number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
    return number;
}

/// The words for a number of jobs: "-j4", "--jobs=4", or "-j" and "4".
struct JobWords {
    std::size_t first; ///< of the words
    std::size_t count;
    unsigned number; ///< 0: none is named
};

std::vector<JobWords> job_words(const std::vector<Word>& words)
{
    std::vector<JobWords> found;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i].text;
        const std::string_view flag = word.starts_with("--jobs") ? "--jobs" : "-j";
        if (!word.starts_with(flag)) continue;
        std::string_view number = word.substr(flag.size());
        if (number.starts_with('=')) number.remove_prefix(1);
        if (!number.empty()) {
            const bool computed = number.front() == '$' || number.front() == '`'; // such as $(nproc)
            if (const auto jobs = computed ? 0U : number_in(number)) found.push_back({i, 1, *jobs});
            continue;
        }
        const auto next = i + 1 < words.size() ? number_in(words[i + 1].text) : std::nullopt;
        found.push_back({i, next ? 2U : 1U, next.value_or(0)});
    }
    return found;
}

} // namespace

unsigned jobs_of(std::string_view make)
{
    unsigned most = 1;
    for (const JobWords& jobs : job_words(words_of(make))) {
        if (jobs.number == 0) return 0;
        most = std::max(most, jobs.number);
    }
    return most;
}

std::optional<std::string> without_jobs_of_dkms(std::string_view make, std::string_view another)
{
    const auto words = words_of(make);
    const auto others = words_of(another);
    const auto jobs = job_words(words);
    const auto other_jobs = job_words(others);
    if (words.size() != others.size() || jobs.size() != other_jobs.size()) return std::nullopt;
    std::string result(make);
    std::vector<bool> explained(words.size());
    for (std::size_t i = jobs.size(); i-- > 0;) { // from the end, so that places stay true
        if (jobs[i].first != other_jobs[i].first || jobs[i].number == other_jobs[i].number) continue;
        const std::size_t last = jobs[i].first + jobs[i].count - 1;
        explained[last] = true;
        result.erase(words[jobs[i].first].begin, words[last].end - words[jobs[i].first].begin);
    }
    bool any = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i].text != others[i].text && !explained[i]) return std::nullopt;
        any = any || explained[i];
    }
    return any ? std::optional(result) : std::nullopt;
}

bool is_before_2_6(const std::string& release) { return compare_versions(release, "2.6") < 0; }

bool begins_with_make(std::string_view make) { return make.empty() || begins_with_word(make, "make"); }

std::string make_command(const std::string& make, const MakeSettings& settings)
{
    const std::string written = make.empty() ? default_make(settings) : make;
    const std::string at_end = is_one_command(written) ? settings.variables : "";
    if (begins_with_make(written))
        return "make" + jobs_text(settings.jobs) + " KERNELRELEASE=" + settings.release + written.substr(4) + at_end;
    return begins_with_quoted_make(written) ? written + at_end : written;
}

} // namespace dkms
