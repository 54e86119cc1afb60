// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/script.h"

#include "lib/kernel/headers.h"
#include "lib/tree/layout.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <sstream>

#include <unistd.h>

namespace dkms {
namespace {

bool is_executable_file(const std::filesystem::path& path)
{
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

std::string in_capitals(std::string_view text)
{
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return result;
}

} // namespace

std::optional<std::vector<std::string>> find_script(const std::string& value, const std::filesystem::path& directory,
                                                    const std::filesystem::path& overrides)
{
    std::istringstream text(value);
    std::vector<std::string> words;
    for (std::string word; text >> word;) words.push_back(word);
    if (words.empty()) return std::nullopt;
    // Appended as text: a script is meant below the directory even when it is written with a '/' in front.
    for (const auto& place : {overrides, directory}) {
        const std::string program = place.string() + "/" + words.front();
        if (!is_executable_file(program)) continue;
        words.front() = program;
        return words;
    }
    return std::nullopt;
}

std::vector<std::string> script_environment(const Work& work, const ModuleId& module)
{
    auto environment = base_environment();
    const auto add = [&](const char* name, const std::string& value) {
        environment.push_back(std::string(name) + "=" + value);
    };
    add("module", module.name);
    add("module_version", module.version);
    add("dkms_tree", work.places.dkms_tree);
    add("source_tree", work.places.source_tree);
    add("install_tree", work.places.install_tree);
    const KernelId kernel =
        work.step.kernel.release.empty() ? KernelId{running_release(), running_architecture()} : work.step.kernel;
    add("kernelver", kernel.release);
    add("arch", kernel.arch);
    add("kernel_source_dir", headers_directory(kernel, work.places, work.step.options));
    return environment;
}

ExitStatus run_script(const Work& work, const ModuleId& module, const Script& script, Cancellation* cancellation)
{
    if (script.value.empty()) return {};
    const auto directory = Layout(work.places).source_link(module);
    const auto argv = find_script(script.value, directory, work.places.config_dir / module.name);
    if (!argv) {
        work.reporter.warning("script-not-executable", {{"script", std::string(script.name)}, {"value", script.value}},
                              "The " + in_capitals(script.name) + " script of " + module.text() +
                                  " is not executable, so it is not run: " + script.value);
        return {};
    }
    Command command;
    command.argv = *argv;
    command.environment = script_environment(work, module);
    command.directory = directory;
    const auto began = std::chrono::steady_clock::now();
    work.reporter.command_started(script.name, module.text(), text_of(*argv));
    ExitStatus status;
    try {
        status = run_heard(
            std::move(command),
            [&](std::string_view text) {
                write_all(STDOUT_FILENO, text);
                work.reporter.command_output(script.name, module.text(), text);
            },
            cancellation);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::internal) throw;
        status.code = 126; // as a shell says it: there, but it cannot be started
        work.reporter.warning("script-not-started", {{"script", std::string(script.name)}}, error.message());
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    work.reporter.command_ended(script.name, module.text(), status.code, seconds.count());
    return status;
}

} // namespace dkms
