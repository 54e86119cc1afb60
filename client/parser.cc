// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/parser.h"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace dkms {
namespace {

void list(CLI::App& app, const std::string& name, std::vector<std::string>& target, const std::string& help,
          const std::string& value)
{
    app.add_option(name, target, help)->type_name(value)->allow_extra_args(false);
}

void text(CLI::App& app, const std::string& name, std::string& target, const std::string& help,
          const std::string& value)
{
    app.add_option(name, target, help)->type_name(value)->check([](const std::string& given) {
        return given.empty() ? "it is empty" : "";
    });
}

void add_module(CLI::App& app, Words& words)
{
    app.add_option("MODULE", words.module, "Name, or name and version: MODULE/VERSION")->type_name("");
    text(app, "-m,--module", words.module_option, "Another way to name the module", "MODULE[/VERSION]");
    text(app, "-v", words.version, "The module's version", "VERSION");
}

void add_kernels(CLI::App& app, Words& words, const std::string& without)
{
    list(app, "-k,--kernel", words.kernels, "Kernel; may be given several times (" + without + ")", "KERNEL[/ARCH]");
    list(app, "-a,--arch", words.architectures, "Architecture: one for all kernels or one for each", "ARCH");
}

void add_kernels(CLI::App& app, Words& words) { add_kernels(app, words, "the running one"); }

void add_all(CLI::App& app, Words& words)
{
    app.add_flag("--all", words.options.all, "Every kernel the module is built for");
}

void add_all_kernels(CLI::App& app, Words& words)
{
    app.add_flag("--all-kernels", words.options.all_kernels, "Every installed kernel that has headers");
}

void add_conf(CLI::App& app, Words& words)
{
    text(app, "-c,--conf", words.conf_file, "Read this file instead of the source's dkms.conf", "FILE");
    list(app, "--directive", words.options.directives, "Set a directive of dkms.conf; may be given several times",
         "NAME=VALUE");
}

void add_build(CLI::App& app, Words& words)
{
    text(app, "--kernelsourcedir", words.kernel_source_dir, "Where the kernel's headers lie", "DIR");
    text(app, "--config", words.kernel_config, "The kernel's configuration", "FILE");
    app.add_option("-j,--jobs", words.options.parallel_jobs, "How many compilers make may run; 0: no limit")
        ->type_name("N")
        ->check(CLI::Range(0, 4096).description(""));
    app.add_flag("--force", words.options.force, "Do it although it is done, older, or refused by a check");
}

void add_install(CLI::App& app, Words& words)
{
    app.add_flag("--force-version-override", words.options.force_version_override,
                 "Replace the kernel's own module although it is newer");
}

void add_after(CLI::App& app, Words& words)
{
    app.add_flag("--no-depmod", words.options.no_depmod, "Do not run depmod");
    app.add_flag("--no-initramfs", words.options.no_initramfs, "Do not make the initramfs anew");
}

void add_places(CLI::App& app, Words& words)
{
    text(app, "--dkmstree", words.dkms_tree, "Where modules are kept (/var/lib/dkms)", "DIR");
    text(app, "--sourcetree", words.source_tree, "Where sources lie (/usr/src)", "DIR");
    text(app, "--installtree", words.install_tree, "Where kernels keep their modules (/lib/modules)", "DIR");
    text(app, "--root", words.root, "Work on the system below this directory", "DIR");
}

void add_no_wait(CLI::App& app, Words& words)
{
    app.add_flag("--no-wait", words.no_wait, "Return once the job is accepted");
}

void add_quiet(CLI::App& app, Words& words) { app.add_flag("-q,--quiet", words.quiet, "Print errors only"); }

void add_json(CLI::App& app, Words& words) { app.add_flag("--json", words.json, "Print JSON, for programs"); }

void add_jobs(CLI::App& app, Words& words)
{
    app.add_option("ID", words.jobs, "Number of a job")
        ->type_name("")
        ->check(CLI::Validator(CLI::PositiveNumber).description(""));
}

void add_path(CLI::App& app, Words& words)
{
    app.add_option("PATH", words.path, "A source directory, or a dkms.conf")->type_name("");
    app.add_flag("--strict", words.strict, "Let warnings count as errors");
}

void add_source(CLI::App& app, Words& words)
{
    app.add_option("PATH", words.path, "An archive, or a source directory")->type_name("");
    app.add_flag("--force", words.options.force, "Replace what is there already");
}

void add_export(CLI::App& app, Words& words)
{
    Options& options = words.options;
    add_kernels(app, words, "each it is built for");
    text(app, "-o,--output", words.output, "Directory to write into (the working directory)", "DIR");
    text(app, "--format", words.format, "tarball (the default), rpm, deb, dsc, bmdeb, kmod, kmp or driver-disk",
         "FORMAT");
    app.add_flag("--source-only", options.source_only, "Leave the builds out");
    app.add_flag("--binaries-only", options.binaries_only, "Leave the source out");
    text(app, "--archive", options.archive, "Name of a tarball, whose suffix says how it is compressed", "NAME");
    text(app, "--spec", options.spec, "Spec file in the module's source", "NAME");
    list(app, "--distribution", options.distributions,
         "Installer that a driver disk is for; may be given several times", "NAME[/RELEASE]");
    text(app, "--media", options.media, "Kind of a driver disk: floppy, img, iso, tar or cpio.gz", "MEDIA");
    app.add_option("--size", options.media_size, "Size of a driver disk in KiB")->type_name("KIB");
    text(app, "--label", options.label, "Volume label of a driver disk (OEMDRV)", "LABEL");
}

void add_hook(CLI::App& app, Words& words)
{
    app.add_flag("--hook", words.hook, "Fail only for modules that dkms-policy.conf(5) says are needed");
}

void add_newest(CLI::App& app, Words& words)
{
    app.add_flag("--newest", words.newest, "Of several versions in the tree the newest");
}

void add_repair(CLI::App& app, Words& words)
{
    app.add_flag("--repair", words.options.repair, "Repair what is certain");
}

void add_history(CLI::App& app, Words& words) { app.add_flag("--all", words.every, "Those that ended long ago, too"); }

struct GroupRow {
    unsigned groups;
    void (*add)(CLI::App& app, Words& words);
};
constexpr std::array<GroupRow, 20> group_table{{
    {group_module | group_optional_module, add_module},
    {group_kernels, add_kernels},
    {group_all, add_all},
    {group_all_kernels, add_all_kernels},
    {group_conf, add_conf},
    {group_build, add_build},
    {group_install, add_install},
    {group_after, add_after},
    {group_places, add_places},
    {group_no_wait, add_no_wait},
    {group_quiet, add_quiet},
    {group_json, add_json},
    {group_job | group_jobs, add_jobs},
    {group_path, add_path},
    {group_hook, add_hook},
    {group_newest, add_newest},
    {group_source, add_source},
    {group_export, add_export},
    {group_repair, add_repair},
    {group_history, add_history},
}};

/// The list of options alone: the usage line is ours.
std::string options_help(CLI::App& app)
{
    const auto formatter = app.get_formatter();
    auto* plain = dynamic_cast<CLI::Formatter*>(formatter.get());
    formatter->column_width(34);
    std::string help = plain != nullptr ? plain->make_groups(&app, CLI::AppFormatMode::Normal) : app.help();
    help.erase(0, help.find_first_not_of('\n'));
    return help;
}

std::optional<Misunderstood> missing(const CommandRow& row, const Words& words)
{
    if ((row.groups & group_module) != 0 && words.module.empty() && words.module_option.empty())
        return Misunderstood{"no module was given."};
    if ((row.groups & group_job) != 0 && words.jobs.size() != 1)
        return Misunderstood{"the number of one job is needed."};
    if ((row.groups & group_source) != 0 && words.path.empty())
        return Misunderstood{"no archive or directory was given."};
    if ((row.groups & group_path) != 0 && words.path.empty())
        return Misunderstood{"no directory or dkms.conf was given."};
    return std::nullopt;
}

} // namespace

std::variant<Words, HelpWanted, Misunderstood> parse_words(const CommandRow& row, const std::vector<std::string>& words)
{
    Words sorted;
    CLI::App app;
    for (const GroupRow& group : group_table)
        if ((row.groups & group.groups) != 0) group.add(app, sorted);
    try {
        std::vector<std::string> reversed(words.rbegin(), words.rend()); // what CLI11 takes
        app.parse(reversed);
    } catch (const CLI::CallForHelp&) {
        return HelpWanted{options_help(app)};
    } catch (const CLI::ParseError& error) {
        return Misunderstood{error.what()};
    }
    if (const auto fault = missing(row, sorted)) return *fault;
    return sorted;
}

} // namespace dkms
