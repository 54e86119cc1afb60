// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/work.h"

namespace dkms {

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
    report(Event(EventKind::command_started, {{"what", what}, {"subject", subject}, {"command", command}}));
}

void Reporter::command_ended(std::string_view what, std::string_view subject, int exit_code, double seconds) const
{
    report(Event(EventKind::command_ended,
                 {{"what", what}, {"subject", subject}, {"exit_code", exit_code}, {"seconds", seconds}}));
}

void Reporter::command_output(std::string_view what, std::string_view subject, std::string_view text) const
{
    report(Event(EventKind::command_output, {{"what", what}, {"subject", subject}, {"text", text}}));
}

void Reporter::warning(std::string_view name, const Parameters& parameters, std::string_view message) const
{
    report(Event(EventKind::warning, {{"name", name}, {"parameters", parameters}, {"message", message}}));
}

} // namespace dkms
