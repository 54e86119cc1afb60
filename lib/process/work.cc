// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/work.h"

#include <algorithm>

namespace dkms {
namespace {

/// In one event: its line stays whole even if every byte is one that JSON writes with six.
constexpr std::size_t most_of_output = 8 * 1024;

/// Whether a byte of UTF-8 belongs to the character before it.
bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

} // namespace

void Reporter::report(const Event& event) const
{
    try {
        write_all(descriptor_, to_line(event));
    } catch (const Error&) {
        return; // nobody listens any more: what has to be finished is finished all the same
    }
}

void Reporter::stage(Stage stage, unsigned percent) const
{
    report(Event(EventKind::stage, {{"stage", name_of(stage)}, {"percent", percent}}));
}

void Reporter::command_started(std::string_view what, std::string_view subject, std::string_view command) const
{
    nlohmann::json facts{{"what", what}, {"subject", subject}, {"command", command}};
    if (verbose_) facts["verbose"] = true;
    report(Event(EventKind::command_started, std::move(facts)));
}

void Reporter::command_ended(std::string_view what, std::string_view subject, int exit_code, double seconds) const
{
    report(Event(EventKind::command_ended,
                 {{"what", what}, {"subject", subject}, {"exit_code", exit_code}, {"seconds", seconds}}));
}

void Reporter::command_output(std::string_view what, std::string_view subject, std::string_view text) const
{
    while (!text.empty()) {
        std::size_t end = std::min(text.size(), most_of_output);
        if (end < text.size())
            while (end > most_of_output - 4 && is_continuation(text[end])) --end;
        report(Event(EventKind::command_output, {{"what", what}, {"subject", subject}, {"text", text.substr(0, end)}}));
        text.remove_prefix(end);
    }
}

void Reporter::warning(std::string_view name, const Parameters& parameters, std::string_view message) const
{
    report(Event(EventKind::warning, {{"name", name}, {"parameters", parameters}, {"message", message}}));
}

} // namespace dkms
