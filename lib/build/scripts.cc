// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/scripts.h"

#include "lib/model/error.h"
#include "lib/tree/script.h"

namespace dkms {
namespace {

namespace fs = std::filesystem;

/// Whether the kernel can start it by itself: a program, or a script that names its interpreter.
bool starts_by_itself(const fs::path& file)
{
    try {
        const std::string head = read_file(file);
        return head.starts_with("#!") || head.starts_with("\x7f"
                                                          "ELF");
    } catch (const Error&) {
        return true;
    }
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
    const bool interpreted = !starts_by_itself(argv->front());
    if (argv->front().starts_with(build + "/"))
        argv->front().replace(0, build.size(), commands.workplace().shown_build().string());
    if (interpreted) argv->insert(argv->begin(), "/bin/sh");
    BuildCommand script;
    script.what = name;
    script.subject = module;
    script.description = "Running the " + name + " script";
    script.text = value;
    script.command.argv = std::move(*argv);
    const ExitStatus status = commands.run(std::move(script));
    if (!status.ok())
        throw Error(ErrorCode::script_failed, {{"script", name},
                                               {"module", module},
                                               {"exit_code", std::to_string(status.code)},
                                               {"excerpt", commands.excerpt()}});
}

} // namespace dkms
