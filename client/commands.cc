// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"

#include <array>

namespace dkms {
namespace {

constexpr unsigned change_groups = group_module | group_places | group_no_wait | group_quiet | group_json;
constexpr unsigned build_groups = change_groups | group_kernels | group_all_kernels | group_conf | group_build;
constexpr unsigned undo_groups = change_groups | group_kernels | group_all | group_after;
constexpr std::string_view one_module = "MODULE[/VERSION]";

constexpr std::array<CommandRow, 24> table{{
    {"add", "MODULE/VERSION|FILE|DIRECTORY", "Register a module's source", change_groups | group_conf, Verb::add,
     run_change},
    {"build", one_module, "Build a module for kernels", build_groups, Verb::build, run_change},
    {"install", one_module, "Install a module into kernels, building it first if needed",
     build_groups | group_install | group_after | group_newest, Verb::install, run_change},
    {"uninstall", one_module, "Uninstall a module from kernels, but keep its builds", undo_groups, Verb::uninstall,
     run_change},
    {"unbuild", one_module, "Delete builds of a module, uninstalling them first", undo_groups, Verb::unbuild,
     run_change},
    {"remove", one_module, "Delete a module's builds; with --all, unregister it too", undo_groups, Verb::remove,
     run_change},
    {"rebuild", one_module, "Build a module again and install it where it was installed",
     build_groups | group_all | group_install | group_after, Verb::rebuild, run_change},
    {"switch", "MODULE/VERSION", "Install another version of a module, and keep it",
     build_groups | group_install | group_after, Verb::switch_version, run_change},
    {"rollback", "MODULE", "Go back to the version that was installed before",
     change_groups | group_kernels | group_build | group_after, Verb::roll_back, run_change},
    {"history", "[MODULE[/VERSION]]", "Show which versions were installed, when and by whom",
     group_optional_module | group_some_kernels | group_places | group_json, std::nullopt, run_history},
    {"autoinstall", "", "Build and install all modules that are missing for a kernel",
     group_kernels | group_all_kernels | group_after | group_places | group_no_wait | group_quiet | group_json |
         group_hook,
     Verb::autoinstall, run_autoinstall},
    {"prune", "", "Delete what was built for kernels that are gone",
     group_places | group_no_wait | group_quiet | group_json, Verb::kernel_prerm, run_prune},
    {"plan", "", "Show what autoinstall would do for a kernel, without doing it",
     group_kernels | group_places | group_json, Verb::autoinstall, run_plan},
    {"export", one_module, "Write a module to an archive, packages or a driver disk",
     group_module | group_places | group_quiet | group_json | group_export, Verb::pack, run_export},
    {"import", "FILE|DIRECTORY", "Register the module in an archive or a source directory",
     group_source | group_places | group_quiet | group_json, Verb::load, run_import},
    {"status", "[MODULE[/VERSION]]", "Show modules and the kernels they are installed for",
     group_optional_module | group_some_kernels | group_places | group_json, std::nullopt, run_status},
    {"lint", "DIRECTORY|FILE", "Check a module's source for common mistakes", group_path | group_quiet | group_json,
     std::nullopt, run_lint},
    {"check", "", "Check the trees for leftovers and contradictions",
     group_repair | group_places | group_quiet | group_json, Verb::check, run_check},
    {"jobs", "", "Show the jobs of the service", group_json | group_history, std::nullopt, run_jobs},
    {"wait", "[ID...]", "Wait for jobs, or for all jobs for a kernel, to finish",
     group_jobs | group_kernels | group_places | group_quiet | group_json, std::nullopt, run_wait},
    {"cancel", "ID", "Cancel a job", group_job | group_json, std::nullopt, run_cancel},
    {"log", "[ID|MODULE[/VERSION]]", "Print the output of a job or of a module's last build",
     group_log | group_some_kernels | group_places, std::nullopt, run_log},
    {"monitor", "", "Print a line for every change of a job", group_json, std::nullopt, run_monitor},
    {"help", "[COMMAND]", "Show how a command is used", group_topic, std::nullopt, run_help},
}};

constexpr CommandRow no_command{"", "", "", 0, std::nullopt, run_overview};

} // namespace

std::span<const CommandRow> command_table() { return table; }

const CommandRow& overview() { return no_command; }

const CommandRow* command_named(std::string_view name)
{
    for (const CommandRow& row : table)
        if (row.name == name) return &row;
    return nullptr;
}

} // namespace dkms
