// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/console.h"
#include "lib/model/ids.h"
#include "lib/model/places.h"
#include "lib/model/request.h"
#include "lib/model/state.h"
#include "lib/model/verb.h"

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace dkms {

struct CommandRow;

/// What somebody typed, made into values. Only the members that the command takes are set.
struct Invocation {
    const CommandRow* command = nullptr;
    Request request;               ///< change verbs; its verb is that of the command
    StatusFilter filter;           ///< status, history, log
    std::vector<JobId> jobs;       ///< wait, cancel; log, instead of a module
    std::vector<KernelId> kernels; ///< wait, instead of jobs
    std::filesystem::path path;    ///< lint, import; export: the directory to write into; absolute
    PlaceOptions places;           ///< absolute paths
    bool json = false;
    bool no_wait = false;
    bool quiet = false;
    bool strict = false; ///< lint: warnings count as errors
    bool newest = false; ///< install: of several versions the newest is meant
    bool every = false;  ///< jobs: those that ended long ago, too
    bool hook = false;   ///< autoinstall: for whoever installs a kernel
    bool follow = false; ///< log: until the job has ended
    std::string topic;   ///< help: a command, or empty

    /// Whether something was given that the service does not take from a client: a tree, a path or a directive.
    bool needs_stdio() const { return places.any() || request.options.names_files(); }
};

/// Options that come and go together; a command takes some of these groups.
enum OptionGroup : unsigned {
    group_module = 1U << 0U,          ///< MODULE[/VERSION], -m, -v; required
    group_optional_module = 1U << 1U, ///< the same, not required
    group_kernels = 1U << 2U,         ///< -k, -a
    group_all = 1U << 3U,             ///< --all
    group_all_kernels = 1U << 4U,     ///< --all-kernels
    group_conf = 1U << 5U,            ///< -c, --directive
    group_build = 1U << 6U,           ///< --kernelsourcedir, --config, -j, --force
    group_install = 1U << 7U,         ///< --force-version-override
    group_after = 1U << 8U,           ///< --no-depmod, --no-initramfs
    group_places = 1U << 9U,          ///< --dkmstree, --sourcetree, --installtree, --root
    group_no_wait = 1U << 10U,        ///< --no-wait
    group_quiet = 1U << 11U,          ///< --quiet
    group_json = 1U << 12U,           ///< --json
    group_job = 1U << 13U,            ///< ID
    group_jobs = 1U << 14U,           ///< [ID...]
    group_path = 1U << 15U,           ///< DIRECTORY|FILE, --strict
    group_hook = 1U << 16U,           ///< --hook
    group_newest = 1U << 17U,         ///< --newest
    group_source = 1U << 18U,         ///< FILE|DIRECTORY, --force
    group_export = 1U << 19U,         ///< -k, -a, -o, --format and what goes with it
    group_history = 1U << 20U,        ///< --all
    group_repair = 1U << 21U,         ///< --repair
    group_some_kernels = 1U << 22U,   ///< -k, -a, of which only those are shown
    group_log = 1U << 23U,            ///< [ID|MODULE[/VERSION]], --follow
    group_topic = 1U << 24U,          ///< [COMMAND]
};

/// One command of dkmsctl.
struct CommandRow {
    std::string_view name;
    std::string_view arguments; ///< for the usage line
    std::string_view summary;
    unsigned groups;          ///< of OptionGroup
    std::optional<Verb> verb; ///< what a change verb asks for
    /// Carries it out and returns the exit code. Throws Error.
    int (*run)(const Invocation& invocation, Console& console);
};

/// All commands, in the order in which --help shows them.
std::span<const CommandRow> command_table();

/// The command of that name, or nullptr.
const CommandRow* command_named(std::string_view name);

/// What dkmsctl does when nothing is asked for; it has no name and is not in the table.
const CommandRow& overview();

/// The commands themselves, one file each.
int run_change(const Invocation& invocation, Console& console);      ///< every verb that makes a job
int run_prune(const Invocation& invocation, Console& console);       ///< forgets kernels that are gone
int run_check(const Invocation& invocation, Console& console);       ///< what is wrong in the trees
int run_export(const Invocation& invocation, Console& console);      ///< writes archives, packages, driver disks
int run_import(const Invocation& invocation, Console& console);      ///< takes in an archive or a directory
int run_autoinstall(const Invocation& invocation, Console& console); ///< makes a kernel complete
int run_status(const Invocation& invocation, Console& console);      ///< what the tree holds
int run_history(const Invocation& invocation, Console& console);     ///< what was installed before
int run_plan(const Invocation& invocation, Console& console);        ///< what an autoinstall would do
int run_lint(const Invocation& invocation, Console& console);        ///< what a source should do otherwise
int run_jobs(const Invocation& invocation, Console& console);        ///< the jobs that are known
int run_wait(const Invocation& invocation, Console& console);        ///< until jobs have ended, or a kernel is complete
int run_cancel(const Invocation& invocation, Console& console);      ///< ends a job
int run_log(const Invocation& invocation, Console& console);         ///< a job's build output
int run_monitor(const Invocation& invocation,
                Console& console);                            ///< a line for every change of a job, until interrupted
int run_help(const Invocation& invocation, Console& console); ///< how a command is used
int run_overview(const Invocation& invocation, Console& console); ///< how things are, and the commands

} // namespace dkms
