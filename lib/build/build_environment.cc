// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/build_environment.h"

#include "lib/files/file_kind.h"
#include "lib/model/error.h"
#include "lib/process/sandbox.h"
#include "lib/tree/script.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace dkms {
namespace {

void put(Environment& environment, std::string_view assignment)
{
    const auto equals = assignment.find('=');
    if (equals == std::string_view::npos) return;
    environment.insert_or_assign(std::string(assignment.substr(0, equals)), std::string(assignment.substr(equals + 1)));
}

std::vector<std::string> as_list(const Environment& environment)
{
    std::vector<std::string> list;
    for (const auto& [name, value] : environment) list.push_back(name + "=" + value);
    return list;
}

} // namespace

Environment exported_by(const std::filesystem::path& file, const Environment& base, Cancellation* cancellation)
{
    const auto found = real_path(file);
    if (!found) throw Error(ErrorCode::conf_missing, {{"file", file.string()}});
    const auto& real = *found;
    Command command;
    command.argv = {"bash", "-c", R"(. "$1" >/dev/null && env -0)", "bash", real.string()};
    command.environment = as_list(base);
    Sandbox sandbox;
    if (is_hidden_in_sandbox(real)) sandbox.read_only = {{real, real}};
    CaptureLimits limits;
    limits.time = std::chrono::seconds(10);
    const Captured said = capture(sandboxed(std::move(command), sandbox), limits, cancellation);
    if (!said.status.ok() || said.truncated || said.timed_out)
        throw Error(ErrorCode::conf_invalid,
                    {{"file", file.string()}, {"reason", "bash cannot run it: " + said.output}});

    static const std::set<std::string> of_the_shell{"_", "SHLVL", "PWD", "OLDPWD"};
    Environment exported;
    for (std::string_view rest = said.output; !rest.empty();) {
        const auto end = std::min(rest.find('\0'), rest.size());
        put(exported, rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    std::erase_if(exported, [&](const auto& variable) {
        const auto before = base.find(variable.first);
        return of_the_shell.contains(variable.first) || (before != base.end() && before->second == variable.second);
    });
    return exported;
}

Environment build_environment(const Work& work, const BuildInputs& inputs, bool sandboxed)
{
    Environment environment;
    for (const std::string& assignment : script_environment(work, inputs.module)) put(environment, assignment);
    for (const std::string& assignment : inputs.toolchain.environment()) put(environment, assignment);
    // kbuild also reads it from here, which reaches commands that cannot be completed with it
    if (const std::string& told = inputs.toolchain.make_variables; told.starts_with(" LLVM="))
        put(environment, told.substr(1, told.find(' ', 1) - 1));
    if (sandboxed) environment["HOME"] = sandbox_home;
    environment["kernel_config"] = work.places.inside(inputs.headers.config_file).string();
    if (!inputs.framework.build_environment.empty()) {
        const std::filesystem::path named = with_kernel(inputs.framework.build_environment, inputs.kernel.release);
        const auto file = work.places.root == "/" ? named : work.places.root / named.relative_path();
        for (auto& [name, value] : exported_by(file, environment, &work.cancellation)) environment[name] = value;
    }
    return environment;
}

} // namespace dkms
