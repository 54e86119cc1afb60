// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/config/framework.h"
#include "lib/kernel/headers.h"
#include "lib/kernel/toolchain.h"
#include "lib/process/work.h"
#include "lib/tree/layout.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// Everything that is known before a build begins.
struct BuildInputs {
    ModuleId module;
    KernelId kernel;
    std::filesystem::path source; ///< where <tree>/M/V/source leads
    Framework framework;
    Conf conf;
    std::vector<ConfModule> modules; ///< those of the configuration that are meant for this kernel
    KernelHeaders headers;
    Toolchain toolchain;
};

/// Processors that a build may use, unless it is told otherwise.
unsigned processors();

/// The number of jobs somebody asked for by -j or parallel_jobs; -1: nobody did, 0: no limit.
int wanted_jobs(const Options& options, const Framework& framework);

/// Where the source of `module` lies: its link in the tree, followed within places.root, or as the running system
/// follows it where that leads nowhere. Empty if it leads nowhere at all.
std::filesystem::path source_of(const ModuleId& module, const Places& places);

/// Reads the configuration as it is for the kernel of `work` and reports what it has to complain about.
/// Throws as read_conf does.
Conf read_conf_for_build(const Work& work, const Framework& framework);

/// What MAKE would be if $parallel_jobs were `jobs`; nothing if no file of the configuration names that variable.
/// Reports nothing. Throws as read_conf does.
std::optional<std::string> make_for_jobs(const Work& work, unsigned jobs);

/// Throws Error SourceEmpty when only a dkms.conf is there, as after loading an archive of binaries.
void check_source(const ModuleId& module, const std::filesystem::path& source);

/// The modules that `conf` needs and that are not installed for the kernel are an error (MissingDependencies), or a
/// warning where the request is forced.
void check_dependencies(const Work& work, const Conf& conf);

} // namespace dkms
