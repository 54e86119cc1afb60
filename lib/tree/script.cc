// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/script.h"

#include "lib/files/file_kind.h"
#include "lib/kernel/headers.h"
#include "lib/kernel/rooted_path.h"
#include "lib/process/held_lock.h"
#include "lib/process/wide_command.h"
#include "lib/tree/layout.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace dkms {
namespace {

bool is_executable_file(const std::filesystem::path& path)
{
    struct stat status {};
    if (!leads_to_file(path) || ::stat(path.c_str(), &status) < 0) return false;
    if (::access(path.c_str(), X_OK) == 0) return true;
    struct statvfs system {};
    const bool noexec = ::statvfs(path.c_str(), &system) == 0 && (system.f_flag & ST_NOEXEC) != 0;
    return noexec && (status.st_mode & 0111) != 0; // access(2) refuses there whatever the mode
}

/// "#! /usr/bin/env bash" → {"/usr/bin/env", "bash"}: at most one argument, as the kernel reads it.
std::vector<std::string> interpreter_in(std::string_view head)
{
    std::string_view line = head.substr(2, head.find('\n') - 2);
    const auto trim = [&] {
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r'))
            line.remove_suffix(1);
    };
    trim();
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    std::vector<std::string> words{std::string(line.substr(0, end))};
    line.remove_prefix(end);
    trim();
    if (!line.empty()) words.emplace_back(line);
    return words.front().empty() ? std::vector<std::string>{"/bin/sh"} : words;
}

std::string in_capitals(std::string_view text)
{
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return result;
}

} // namespace

Starter starter_of(const Descriptor& file)
{
    std::array<char, 256> block{};
    const ssize_t got = ::pread(file.number(), block.data(), block.size(), 0);
    struct statvfs system {};
    if (got < 0 || ::fstatvfs(file.number(), &system) < 0) return {};
    const std::string_view head(block.data(), static_cast<std::size_t>(got));
    const bool noexec = (system.f_flag & ST_NOEXEC) != 0;
    if (head.starts_with("#!")) return {noexec ? interpreter_in(head) : std::vector<std::string>(), false};
    if (head.starts_with("\x7f"
                         "ELF"))
        return {{}, noexec};
    return {{"/bin/sh"}, false};
}

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

namespace {

/// How a script of an image that has no shell knows paths: as they are here.
std::filesystem::path unchanged(const std::filesystem::path& path) { return path; }

template <typename Known>
std::vector<std::string> environment_of(const Work& work, const ModuleId& module, const Known& known)
{
    auto environment = base_environment();
    const auto add = [&](const char* name, const std::string& value) {
        environment.push_back(std::string(name) + "=" + value);
    };
    add("module", module.name);
    add("module_version", module.version);
    add("dkms_tree", known(work.places.dkms_tree));
    add("source_tree", known(work.places.source_tree));
    add("install_tree", known(work.places.install_tree));
    const KernelId kernel =
        work.step.kernel.release.empty() ? KernelId{running_release(), running_architecture()} : work.step.kernel;
    add("kernelver", kernel.release);
    add("arch", kernel.arch);
    add("kernel_source_dir", known(headers_for_make(kernel, work.places, work.step.options)));
    if (std::string mark = mark_of_holder(Layout(work.places).lock()); !mark.empty())
        environment.push_back(std::move(mark));
    return environment;
}

/// Whether scripts can be run in that root, as dpkg runs those of packages.
bool has_shell(const std::filesystem::path& root) { return leads_to_file(resolve_below(root, root / "bin/sh")); }

} // namespace

std::vector<std::string> script_environment(const Work& work, const ModuleId& module)
{
    return environment_of(work, module, [&](const std::filesystem::path& path) { return work.places.inside(path); });
}

ExitStatus run_script(const Work& work, const ModuleId& module, const Script& script, Cancellation* cancellation)
{
    if (script.value.empty()) return {};
    const auto directory = Layout(work.places).source(module);
    auto argv = find_script(script.value, directory, work.places.config_dir / module.name);
    if (!argv) {
        work.reporter.warning("script-not-executable", {{"script", std::string(script.name)}, {"value", script.value}},
                              "The " + in_capitals(script.name) + " script of " + module.text() +
                                  " is not executable, so it is not run: " + script.value);
        return {};
    }
    const Starter starter = starter_of(Descriptor(::open(argv->front().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)));
    if (starter.impossible) {
        work.reporter.warning("script-not-started", {{"script", std::string(script.name)}},
                              argv->front() + " cannot be executed: its file system is mounted noexec.");
        return {126, 0};
    }
    const bool is_inside = work.places.root != "/" && has_shell(work.places.root);
    if (is_inside) argv->front() = work.places.inside(argv->front());
    argv->insert(argv->begin(), starter.interpreter.begin(), starter.interpreter.end());
    Command command;
    command.argv = *argv;
    command.environment = is_inside ? script_environment(work, module) : environment_of(work, module, unchanged);
    // What a script does to the system it does to the one that is worked on.
    if (is_inside) command.root = work.places.root;
    command.directory = is_inside ? work.places.inside(directory) : directory;
    const auto began = std::chrono::steady_clock::now();
    work.reporter.command_started(script.name, module.text(), text_of(*argv));
    ExitStatus status;
    try {
        status = run_wide_heard(
            std::move(command),
            [&](std::string_view text) {
                write_all(STDOUT_FILENO, text);
                work.reporter.command_output(script.name, module.text(), text);
            },
            cancellation);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::internal && error.code() != ErrorCode::system_failed) throw;
        status.code = 126; // as a shell says it: there, but it cannot be started
        work.reporter.warning("script-not-started", {{"script", std::string(script.name)}}, error.message());
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    work.reporter.command_ended(script.name, module.text(), status.code, seconds.count());
    return status;
}

std::string failure_of(const Script& script, const ExitStatus& status)
{
    const std::string how =
        status.signal != 0 ? "signal " + std::to_string(status.signal) : "exit code " + std::to_string(status.code);
    return in_capitals(script.name) + " (" + how + ")";
}

std::optional<std::string> run_last_script(const Work& work, const ModuleId& module, const Script& script)
{
    const ExitStatus status = run_script(work, module, script, nullptr);
    if (status.ok()) return std::nullopt;
    const std::string failure = failure_of(script, status);
    work.reporter.warning(
        "script-failed",
        {{"script", in_capitals(script.name)}, {"module", module.text()}, {"exit_code", std::to_string(status.code)}},
        "A script of " + module.text() + " failed: " + failure +
            ". The modules are in place; what the script was to do may not be done.");
    return failure;
}

} // namespace dkms
