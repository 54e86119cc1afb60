// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/dkms_main.h"

#include "client/dkms/actions.h"
#include "client/dkms/error_text.h"
#include "client/text.h"
#include "lib/files/file_kind.h"

#include <algorithm>
#include <exception>

#include <unistd.h>

namespace dkms::legacy {
namespace {

/// DKMS_DIRECTIVE*="NAME=value" in the environment are directives like those on the command line, and come before them.
std::vector<std::string> directives_of_environment()
{
    std::vector<std::string> directives;
    for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
        const std::string_view text = *variable;
        const auto value = text.find('=');
        if (!text.starts_with("DKMS_DIRECTIVE") || value == std::string_view::npos) continue;
        const std::string directive(text.substr(value + 1));
        const auto equals = directive.find('=');
        if (equals != std::string::npos && equals != 0) directives.push_back(directive);
    }
    std::sort(directives.begin(), directives.end());
    return directives;
}

void require_os_release()
{
    if (!leads_somewhere(Places().os_release())) throw Fault{4, "System is missing os-release file.", false};
}

int run(const std::string& program, std::span<const char* const> arguments, Console& console)
{
    require_os_release();
    auto words = read_words(program, arguments, console);
    if (!words) return 0;
    const auto inherited = directives_of_environment();
    words->options.directives.insert(words->options.directives.begin(), inherited.begin(), inherited.end());
    Session session(*words, console);
    return run_action(session);
}

/// What is said here is text, often of modules and their scripts; it never has a terminal do anything.
Console harmless_console()
{
    Console console = system_console();
    console.out = [out = console.out](std::string_view text) { out(harmless(text)); };
    console.err = [err = console.err](std::string_view text) { err(harmless(text)); };
    return console;
}

} // namespace

int dkms_main(const char* program, std::span<const char* const> words)
{
    Console console = harmless_console();
    try {
        return run(program, words, console);
    } catch (const Fault& fault) {
        console.err(framed(fault.text));
        if (fault.with_usage) console.out(usage_text(program));
        return fault.exit_code;
    } catch (const Error& error) {
        console.err(error_text(error, {}));
        return error.exit_code(Verb::add);
    } catch (const std::exception& error) {
        console.err(framed(error.what()));
        return 1;
    }
}

} // namespace dkms::legacy
