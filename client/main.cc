// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/dkms_main.h"
#include "client/json.h"
#include "client/options.h"
#include "client/wording.h"
#include "lib/process/descriptor.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>

namespace dkms {
namespace {

int failed(const Error& error, const Invocation& invocation, Console& console)
{
    if (invocation.json)
        print_json(console, to_json(error));
    else
        console.err(error_text(error));
    return error.exit_code(invocation.request.verb);
}

int run(std::span<const char* const> words, Invocation& invocation, Console& console)
{
    const auto parsed = parse_options(words);
    if (const auto* answer = std::get_if<Answer>(&parsed)) {
        if (invocation.json && answer->exit_code != 0) {
            Parameters parameters{{"reason", answer->reason}};
            if (!answer->remedy.empty()) parameters.emplace("remedy", answer->remedy);
            print_json(console, to_json(Error(ErrorCode::invalid_args, std::move(parameters))));
            return answer->exit_code;
        }
        (answer->exit_code == 0 ? console.out : console.err)(answer->text);
        return answer->exit_code;
    }
    invocation = std::get<Invocation>(parsed);
    return invocation.command->run(invocation, console);
}

int dkmsctl_main(const char*, std::span<const char* const> words)
{
    Console console = system_console();
    Invocation invocation;
    // Known before the words are understood, so that what is wrong with them is told in the form that was asked for.
    invocation.json = std::any_of(words.begin(), words.end(), [](std::string_view word) { return word == "--json"; });
    try {
        return run(words, invocation, console);
    } catch (const Error& error) {
        return failed(error, invocation, console);
    } catch (const std::exception& error) {
        return failed(Error(ErrorCode::internal, {{"reason", error.what()}}), invocation, console);
    }
}

/// The program has as many grammars as names.
struct Program {
    std::string_view name;
    int (*main)(const char* program, std::span<const char* const> words);
};
constexpr std::array<Program, 2> programs{{{"dkmsctl", dkmsctl_main}, {"dkms", legacy::dkms_main}}};

const Program& program_named(std::string_view path)
{
    const std::string_view name = path.substr(path.rfind('/') + 1);
    for (const Program& program : programs)
        if (program.name == name) return program;
    return programs.front();
}

} // namespace
} // namespace dkms

int main(int argc, char** argv)
{
    dkms::keep_standard_descriptors();
    std::signal(SIGPIPE, SIG_IGN); // a reader that leaves (| head) must not end a job
    const std::span<const char* const> words(argv, static_cast<std::size_t>(argc));
    if (words.empty()) return 2;
    return dkms::program_named(words.front()).main(words.front(), words.subspan(1));
}
