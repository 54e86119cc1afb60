// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/option_table.h"

#include <array>

namespace dkms {
namespace {

constexpr unsigned any_module = group_module | group_optional_module;
constexpr unsigned most_jobs_of_make = 4096;
constexpr unsigned largest_medium = 64U << 20U; // 64 GiB in KiB

void set_jobs(Words& words, unsigned value) { words.options.parallel_jobs = static_cast<int>(value); }
void set_size(Words& words, unsigned value) { words.options.media_size = value; }

constexpr std::array<OptionRow, 43> options{{
    {~0U, "-h", "--help", "", "Show this help", &Words::help},
    {any_module, "-m", "--module", "MODULE[/VERSION]", "Another way to name the module", &Words::module_option},
    {any_module, "-v", "", "VERSION", "Version of the module", &Words::version},
    {group_kernels, "-k", "--kernel", "KERNEL[/ARCH]", "Kernel release; repeatable (default: the running kernel)",
     &Words::kernels},
    {group_some_kernels, "-k", "--kernel", "KERNEL[/ARCH]",
     "Only this kernel, or a pattern such as '6.1.*' (default: all)", &Words::kernels},
    {group_export, "-k", "--kernel", "KERNEL[/ARCH]", "Kernel release; repeatable (default: all it is built for)",
     &Words::kernels},
    {group_kernels | group_export, "-a", "--arch", "ARCH", "Architecture: one for all kernels, or one for each",
     &Words::architectures},
    {group_some_kernels, "-a", "--arch", "ARCH", "Only kernels of this architecture", &Words::architectures},
    {group_all, "", "--all", "", "All kernels the module is built for", &Options::all},
    {group_all_kernels, "", "--all-kernels", "", "All installed kernels that have headers", &Options::all_kernels},
    {group_conf, "-c", "--conf", "FILE", "Read FILE instead of the source's dkms.conf", &Words::conf_file},
    {group_conf, "", "--directive", "NAME=VALUE", "Set a directive of dkms.conf; repeatable", &Options::directives},
    {group_build, "", "--kernelsourcedir", "DIR", "Kernel headers directory", &Words::kernel_source_dir},
    {group_build, "", "--config", "FILE", "Kernel configuration file", &Words::kernel_config},
    {group_build, "-j", "--jobs", "N", "Number of parallel compile jobs (0: unlimited)",
     NumberTarget{set_jobs, 0, most_jobs_of_make}},
    {group_build, "", "--force", "", "Override checks; redo finished work; allow downgrades", &Options::force},
    {group_install, "", "--force-version-override", "", "Replace the kernel's own module although it is newer",
     &Options::force_version_override},
    {group_after, "", "--no-depmod", "", "Do not run depmod", &Options::no_depmod},
    {group_after, "", "--no-initramfs", "", "Do not rebuild the initramfs", &Options::no_initramfs},
    {group_places, "", "--dkmstree", "DIR", "DKMS tree (default: /var/lib/dkms)", &Words::dkms_tree},
    {group_places, "", "--sourcetree", "DIR", "Source tree (default: /usr/src)", &Words::source_tree},
    {group_places, "", "--installtree", "DIR", "Module directories of kernels (default: /lib/modules)",
     &Words::install_tree},
    {group_places, "", "--root", "DIR", "Work on the system below DIR", &Words::root},
    {group_no_wait, "", "--no-wait", "", "Return when the job is accepted", &Words::no_wait},
    {group_quiet, "-q", "--quiet", "", "Print only errors", &Words::quiet},
    {group_json, "", "--json", "", "Print JSON, for programs", &Words::json},
    {group_path, "", "--strict", "", "Count warnings as errors", &Words::strict},
    {group_hook, "", "--hook", "", "Fail only for modules required by dkms-policy.conf(5)", &Words::hook},
    {group_newest, "", "--newest", "", "If several versions are registered, use the newest", &Words::newest},
    {group_source, "", "--force", "", "Replace what is registered already", &Options::force},
    {group_export, "-o", "--output", "DIR", "Directory to write to (default: the working directory)", &Words::output},
    {group_export, "", "--format", "FORMAT", "tarball (default), rpm, deb, dsc, bmdeb, kmod, kmp or driver-disk",
     &Words::format},
    {group_export, "", "--source-only", "", "Leave out the builds", &Options::source_only},
    {group_export, "", "--binaries-only", "", "Leave out the source", &Options::binaries_only},
    {group_export, "", "--archive", "NAME", "Name of the tarball; its suffix selects the compression",
     &Options::archive},
    {group_export, "", "--spec", "NAME", "Spec file in the module's source", &Options::spec},
    {group_export, "", "--distribution", "NAME[/RELEASE]", "Installer that a driver disk is for; repeatable",
     &Options::distributions},
    {group_export, "", "--media", "MEDIA", "Type of a driver disk: floppy, img, iso, tar or cpio.gz", &Options::media},
    {group_export, "", "--size", "KIB", "Size of a driver disk in KiB", NumberTarget{set_size, 1, largest_medium}},
    {group_export, "", "--label", "LABEL", "Volume label of a driver disk", &Options::label},
    {group_repair, "", "--repair", "", "Repair what can be repaired without loss", &Options::repair},
    {group_history, "", "--all", "", "Also jobs that ended long ago", &Words::every},
    {group_log, "-f", "--follow", "", "Print the output as it appears, until the job has finished", &Words::follow},
}};

constexpr std::array<ArgumentRow, 6> arguments{{
    {any_module, 1, &Words::module, nullptr},
    {group_job, 1, nullptr, &Words::jobs},
    {group_jobs, 1000, nullptr, &Words::jobs},
    {group_path | group_source, 1, &Words::path, nullptr},
    {group_log, 1, &Words::module, nullptr},
    {group_topic, 1, &Words::topic, nullptr},
}};

} // namespace

std::span<const OptionRow> option_table() { return options; }
std::span<const ArgumentRow> argument_table() { return arguments; }

} // namespace dkms
