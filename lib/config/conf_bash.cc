// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/config/conf_bash.h"

#include "lib/config/conf_bash_driver.h"
#include "lib/config/conf_fault.h"
#include "lib/files/closed_above.h"
#include "lib/files/file_kind.h"
#include "lib/model/error.h"
#include "lib/process/descendants.h"
#include "lib/process/open_path.h"
#include "lib/process/refusal.h"
#include "lib/process/unprivileged.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>
#include <set>

#include <fcntl.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr int first_descriptor = 10; // above those the driver uses
constexpr std::uint64_t memory_limit = 256UL * 1024 * 1024;
constexpr std::size_t longest_complaints = std::size_t{64} * 1024;

/// The text of a file, to be opened by another user through its descriptor, and never changed.
NamedFile sealed_copy(const std::string& text)
{
    NamedFile copy(text);
    ::fcntl(copy.number(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    return copy;
}

/// How bash opens the copies, which it inherits from first_descriptor on.
std::vector<std::string> paths_of(const std::vector<NamedFile>& copies)
{
    std::vector<std::string> paths;
    int descriptor = first_descriptor;
    for (const NamedFile& copy : copies) paths.push_back(copy.path_as(descriptor++));
    return paths;
}

/// The directory directly below /tmp or /run that holds `path`: the sandbox has directories of its own in their place.
std::filesystem::path hidden_directory(const std::filesystem::path& path)
{
    if (!is_hidden_in_sandbox(path)) return {};
    const auto normal = path.lexically_normal();
    const std::vector<std::filesystem::path> parts(normal.begin(), normal.end());
    return parts[0] / parts[1] / parts[2];
}

/// How bash is told where a file lies. One that is reached by a descriptor of ours has a name of its own.
std::filesystem::path shown_path(const ConfSource& source)
{
    const auto directory = source.path.parent_path();
    if (directory.parent_path() != "/proc/self/fd") return source.path;
    const auto real = link_text_of(directory); // without /proc its text is read all the same
    return real && real->is_absolute() ? *real / source.path.filename() : source.path;
}

/// A source that lies where others may not enter, as what is being loaded does: it looks into its own directory.
void show_closed(Sandbox& sandbox, const std::filesystem::path& directory)
{
    const auto closed = closed_above(directory);
    if (closed.empty() || closed == directory || !leads_to_directory(directory)) return;
    sandbox.empty.push_back(closed);
    sandbox.read_only.emplace_back(directory, directory);
}

/// Read-only, no network, no sockets of services; of what the sandbox hides, the directories a configuration is told
/// of.
Sandbox sandbox_for(std::span<const ConfSource> sources, const ConfScope& scope, SandboxKind kind)
{
    std::set<std::filesystem::path> shown;
    for (const ConfSource& source : sources) shown.insert(hidden_directory(shown_path(source)));
    for (const auto& [name, value] : scope.variables)
        if (!value.empty() && value.front() == '/') shown.insert(hidden_directory(value));
    Sandbox sandbox;
    sandbox.read_only = scope.image;
    for (const auto& directory : shown)
        if (!directory.empty() && leads_to_directory(directory)) sandbox.read_only.emplace_back(directory, directory);
    if (kind == SandboxKind::root) show_closed(sandbox, shown_path(sources.front()).parent_path());
    return sandbox;
}

std::vector<std::string> environment_for(const ConfScope& scope, const BashLimits& limits)
{
    std::vector<std::string> environment = limits.environment;
    for (const auto& [name, value] : scope.variables) environment.emplace_back(name).append("=").append(value);
    return environment;
}

std::vector<std::string> arguments_for(std::span<const ConfSource> sources, const std::vector<std::string>& copies,
                                       const ConfScope& scope, const BashLimits& limits)
{
    std::string names;
    for (const std::string_view name : scope.names) names.append(name).append(" ");
    std::vector<std::string> arguments{names, std::to_string(limits.bytes), std::to_string(sources.size())};
    auto copy = copies.begin();
    for (const ConfSource& source : sources) {
        arguments.push_back(source.rewritten ? std::string() : shown_path(source).string());
        arguments.push_back(*copy++);
    }
    for (const ConfAssignment& directive : scope.directives) {
        arguments.push_back(directive.name);
        arguments.push_back(std::to_string(directive.index));
        arguments.push_back(directive.value);
    }
    return arguments;
}

/// A pipe that takes what fits into it: more is lost, and does not keep waiting who writes it.
Pipe bounded_pipe()
{
    Pipe pipe = make_pipe();
    for (const int end : {pipe.read.number(), pipe.write.number()})
        if (::fcntl(end, F_SETFL, O_NONBLOCK) < 0) refuse_call("fcntl", errno);
    return pipe;
}

/// What is in a pipe.
std::string drained(const Descriptor& pipe)
{
    std::string text(longest_complaints, '\0');
    const ssize_t size = ::read(pipe.number(), text.data(), text.size());
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0); // nothing was said, or nothing can be heard of it
    return text;
}

/// Files as bash knows them.
std::vector<ReadAs> names_of(std::span<const ConfSource> sources, const std::vector<std::string>& copies)
{
    std::vector<ReadAs> names;
    auto copy = copies.begin();
    for (const ConfSource& source : sources) {
        names.push_back({shown_path(source).string(), source.path});
        names.push_back({*copy++, source.path});
    }
    return names;
}

std::string seconds_text(std::chrono::milliseconds time)
{
    const auto count = time.count();
    return count % 1000 == 0 ? std::to_string(count / 1000) + " seconds" : std::to_string(count) + " ms";
}

/// Takes what comes before the next NUL.
std::string_view take_field(std::string_view& output)
{
    const auto end = output.find('\0');
    const std::string_view field = output.substr(0, end);
    output.remove_prefix(end == std::string_view::npos ? output.size() : end + 1);
    return field;
}

/// Nothing when the output does not reach its end.
std::optional<ConfVariables> parse(std::string_view output, const ConfScope& scope)
{
    ConfVariables variables;
    while (!output.empty()) {
        const std::string_view name = take_field(output);
        if (name == "end") return variables;
        const std::string_view index = take_field(output);
        const std::string_view value = take_field(output);
        // A script can write here what it likes: only what was asked for counts.
        unsigned number = 0;
        const auto parsed = std::from_chars(index.data(), index.data() + index.size(), number);
        const bool wanted = std::find(scope.names.begin(), scope.names.end(), name) != scope.names.end();
        if (wanted && parsed.ec == std::errc() && parsed.ptr == index.data() + index.size())
            variables[std::string(name)][number] = value;
    }
    return std::nullopt;
}

Error timeout(const std::filesystem::path& file, const BashLimits& limits)
{
    return Error(ErrorCode::conf_timeout, {{"file", file.string()}, {"limit", seconds_text(limits.time)}});
}

/// Without a sandbox, what anyone has written runs with the rights of the user who builds.
void give_up_privileges(Command& command, const std::filesystem::path& file)
{
    const auto words = words_without_privileges();
    if (!words)
        throw conf_fault(file, "It is more than assignments, and bash would read it with all privileges of root: " +
                                   sandbox_missing_because() + ", and " + unprivileged_missing_because() + ".");
    command.argv.insert(command.argv.begin(), words->begin(), words->end());
}

struct Bounded {
    ExitStatus status;
    std::string output;
};

/// Runs it to its end, unless it takes more than it may. Nothing of it is left then.
Bounded run_bounded(Command command, const BashLimits& limits, const std::filesystem::path& file)
{
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + limits.time;
    Bounded said;
    const auto hear = [&](std::string_view text) {
        said.output.append(text);
        if (said.output.size() > limits.bytes) throw conf_fault(file, "Its values are too long.");
    };
    Watch watch;
    watch.interval = std::min(watch.interval, limits.time);
    watch.look = [&](pid_t process) {
        if (Clock::now() >= end) throw timeout(file, limits);
        // What has lost its parent is ours where no sandbox keeps it.
        const Descendants all =
            descendants_of(limits.sandbox == SandboxKind::none ? ::getpid() : process, limits.processes);
        if (all.tasks > limits.processes)
            throw conf_fault(file, "It started more than " + std::to_string(limits.processes) + " processes.");
        const std::uint64_t in_files = all.processes.empty() ? 0 : memory_in_files_of(all.processes.back());
        if (all.memory + in_files > limits.memory && exact_memory_of(all.processes, in_files) > limits.memory)
            throw conf_fault(file, "It took more than " + std::to_string(limits.memory >> 20) + " MiB of memory.");
    };
    const LeftBehind left_behind;
    said.status = run_heard(std::move(command), hear, nullptr, &watch);
    return said;
}

} // namespace

ConfVariables evaluate_with_bash(std::span<const ConfSource> sources, const ConfScope& scope, const BashLimits& limits,
                                 std::vector<BashComplaint>* complaints)
{
    const std::filesystem::path& file = sources.front().path;
    const auto bash = find_program("bash");
    if (!bash) throw conf_fault(file, "It is more than assignments, and bash, which would read it, is not installed.");

    Command command;
    command.argv = {bash->string(), "--noprofile", "--norc", "-c", conf_bash_driver, "dkms.conf"};
    std::vector<NamedFile> copies;
    for (const ConfSource& source : sources) {
        copies.push_back(sealed_copy(source.text));
        command.inherit.emplace_back(copies.back().number(), first_descriptor + static_cast<int>(copies.size()) - 1);
    }
    const std::vector<std::string> names = paths_of(copies);
    for (std::string& argument : arguments_for(sources, names, scope, limits))
        command.argv.push_back(std::move(argument));
    command.environment = environment_for(scope, limits);
    const Pipe said_by_bash = bounded_pipe();
    command.error = said_by_bash.write.number();
    // The limit on time should end it first: it alone counts what is waited for.
    command.limits.cpu_seconds =
        static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(limits.time).count()) + 1;
    command.limits.file_size = limits.bytes;
    command.limits.address_space = memory_limit;
    command = sandboxed(std::move(command), sandbox_for(sources, scope, limits.sandbox), limits.sandbox);
    if (limits.sandbox == SandboxKind::none && !limits.is_roots) give_up_privileges(command, file);
    const Bounded said = run_bounded(std::move(command), limits, file);
    if (said.status.signal == SIGXCPU) throw timeout(file, limits);
    if (complaints != nullptr) *complaints = complaints_in(drained(said_by_bash.read), names_of(sources, names));
    auto variables = parse(said.output, scope);
    if (!variables)
        throw conf_fault(file,
                         "The script ended before its end, with status " + std::to_string(said.status.code) + ".");
    return std::move(*variables);
}

} // namespace dkms
