// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string_view>

namespace dkms {

/// What a request asks for.
enum class Verb {
    add,
    build,
    install,
    uninstall,
    unbuild,
    remove,
    rebuild,
    load,           ///< take in a source directory or an archive, and add what is in it
    pack,           ///< make an archive of a module, its source and its builds
    match,          ///< have on a kernel what is installed on another
    autoinstall,    ///< make a kernel complete
    kernel_preinst, ///< a kernel is about to be installed: away with builds that will be made anew
    kernel_prerm,   ///< a kernel is about to be removed: away with everything that was built for it
    generate_key,   ///< make the key that modules are signed with, where it is missing
    check,          ///< look for what contradicts itself or was left over, and with `repair` repair it
    switch_version, ///< have this version on a kernel in place of the one that is installed there, and keep it
    roll_back,      ///< the same with the version that was installed there before
};

/// How much of something a request needs.
enum class Need { none, optional, required };
/// How many kernels it may name; none named is the running one, if it takes any.
enum class KernelCount { none, one, many };

/// What belongs to a request of some verb; the bus's signatures and the checks of requests follow from it.
struct VerbShape {
    Need module;
    KernelCount kernels;
    Need handle; ///< a descriptor beside the request: what to read from, or to write to
};
const VerbShape& shape_of(Verb verb);

/// Whether it chooses the version of a module that a kernel has: an autoinstall keeps to it.
bool is_choice(Verb verb);

/// What one worker process does.
enum class StepKind {
    add,
    build,
    install,
    uninstall,
    unbuild,
    remove,
    initramfs,
    load,             ///< look into a directory or an archive and put its content into staging
    adopt,            ///< put what was loaded into source tree and DKMS tree
    pack,             ///< write an archive
    pack_rpm,         ///< make RPMs
    pack_deb,         ///< make Debian packages
    pack_disk,        ///< make a driver disk
    survey,           ///< find out what a kernel needs to be complete
    survey_preinst,   ///< find out what is to be taken away before a kernel is installed
    depmod,           ///< index a kernel's modules, once, after several have been installed
    modprobe,         ///< load the modules of devices that are there
    post_transaction, ///< run the administrator's command
    generate_key,
    tidy,  ///< after modules of a kernel were taken away: index the rest, and delete directories that are empty
    check, ///< look through the trees for what contradicts itself or was left over
};

/// How far a step is. Shown as it stands ("prepare") in the Stage property of a job.
enum class Stage { prepare, patch, build, sign, install, depmod, initramfs };

/// How a step or a job ended. `skipped`: there was nothing to do, or the module says that it is not for this kernel.
enum class Result { done, failed, cancelled, skipped };

/// Where a job is. An ended job has a Result.
enum class JobState { queued, running, ended };

std::string_view name_of(Verb verb);
std::string_view name_of(StepKind kind);
std::string_view name_of(Stage stage);
std::string_view name_of(Result result);
std::string_view name_of(JobState state);

/// The value of that name, or nothing.
std::optional<Verb> verb_of(std::string_view name);
std::optional<StepKind> step_kind_of(std::string_view name);
std::optional<Stage> stage_of(std::string_view name);
std::optional<Result> result_of(std::string_view name);
std::optional<JobState> job_state_of(std::string_view name);

} // namespace dkms
