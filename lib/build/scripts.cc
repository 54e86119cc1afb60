// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/scripts.h"

#include "lib/files/inside.h"
#include "lib/model/error.h"
#include "lib/process/regular_file.h"
#include "lib/tree/script.h"

#include <fcntl.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// The script for reading. In the build directory, what is no plain file there, or a link that leaves it, is not read:
/// earlier commands may have put it there.
Descriptor open_script(const fs::path& script, const fs::path& build)
{
    const fs::path below = script.lexically_relative(build);
    if (below.empty() || *below.begin() == "..") return open_regular(script);
    return open_inside(build, below);
}

} // namespace

void run_build_script(BuildCommands& commands, const std::string& name, const std::string& value)
{
    if (value.empty()) return;
    const Work& work = commands.work();
    const std::string module = work.step.module.text();
    const std::string build = commands.workplace().build().string();
    auto argv = find_script(value, build, work.places.config_dir / work.step.module.name);
    if (!argv) {
        work.reporter.warning("script-not-executable", {{"script", name}, {"value", value}},
                              "The " + name + " script of " + module +
                                  " is not executable, so it is not run: " + value);
        return;
    }
    const Descriptor file = open_script(argv->front(), build);
    const Starter starter = file ? starter_of(file) : Starter();
    if (starter.impossible)
        throw Error(ErrorCode::script_not_executable,
                    {{"script", name}, {"module", module}, {"reason", "its file system is mounted noexec"}});
    const std::string shown = commands.workplace().shown_build().string();
    if (argv->front().starts_with(build + "/")) argv->front().replace(0, build.size(), shown);
    std::string called = argv->front();
    for (std::size_t i = 1; i < argv->size(); ++i) called += " " + (*argv)[i];
    argv->insert(argv->begin(), starter.interpreter.begin(), starter.interpreter.end());
    const std::string text = file ? beginning_of(file) : std::string();
    BuildCommand script;
    script.what = name;
    script.subject = module;
    script.description = "Running the " + name + " script";
    script.text = "cd " + shown + "/ && " + called;
    script.command.argv = std::move(*argv);
    const ExitStatus status = commands.run(std::move(script));
    if (!status.ok())
        throw commands.explained(
            Error(ErrorCode::script_failed,
                  {{"script", name}, {"module", module}, {"exit_code", std::to_string(status.code)}}),
            {{value.substr(0, value.find(' ')), text}});
}

} // namespace dkms
