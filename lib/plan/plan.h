// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/job.h"
#include "lib/model/places.h"
#include "lib/model/state.h"

#include <functional>
#include <optional>
#include <vector>

namespace dkms {

/// What a plan has to know about the system; read when it is asked for, so a plan costs no more than it needs.
struct PlanFacts {
    std::function<std::optional<ModuleStatus>(const ModuleId&)> module;         ///< from the tree
    std::function<std::vector<ModuleStatus>(const std::string& name)> versions; ///< all versions; of all names: ""
    std::function<std::vector<KernelId>(bool with_headers)> installed_kernels;
    std::function<bool(const KernelId&)> kernel_exists; ///< whether <install tree>/K is a directory
    /// Whether the headers that a build was made with are there, and lie outside the install tree: a build host's.
    std::function<bool(const ModuleId&, const KernelId&)> has_given_headers;
    /// The version that is installed for a kernel now, and the one that was before it; empty: none, none that is known.
    struct Sequence {
        std::string present;
        std::string before;
        JobId by = 0; ///< the job of the service that has made it so; 0: not known
    };
    std::function<Sequence(const std::string& name, const KernelId&)> sequence;
    std::function<bool(const ModuleId&)> source_exists; ///< whether <source tree>/M-V is a directory
    /// Whether the module was added in this package transaction (Options::transaction).
    std::function<bool(const ModuleId&, const std::string& transaction)> added_in;
    /// Whether there is nothing to do for a kernel, as far as can be told without starting a program.
    std::function<bool(const KernelId&)> is_complete;
    /// Whether the job belongs to the one that is planned, in an earlier life of it: what that has done is not done
    /// again. Empty: it has none.
    std::function<bool(JobId)> was_its_own = {};
    KernelId running;
    Places places; ///< for the sentences of errors
};
/// `places` is copied. Nothing is read yet.
PlanFacts facts_of(const Places& places);

/// Which steps a request needs, in order; for several kernels one child for each. An empty architecture becomes the
/// running one; no kernel, the running one; no version, the only one in the tree. Everything that can be known before
/// running is checked here, so it is an error of the request and not of the job.
///
/// - add: add. It also mends a broken module whose source is back.
/// - build: add if it is not in the tree, build. install: the same, and install; the build step, which does nothing for
///   a module that is built, gets `force` only if it is not.
/// - switch: as install, with what is done marked as a choice. rollback: the same for each kernel with the version that
///   was installed there before; the requests in the plan name none, since they mean the one before when they begin.
///   A kernel for which this job has done it already has no child: a second rollback would take it back.
/// - uninstall: uninstall. unbuild: uninstall, unbuild.
/// - remove: uninstall and unbuild for each kernel named, or with `all` for each it is built for, and one remove at the
///   end, which deletes the version if no build is left: always one job. Works for broken modules, too.
/// - rebuild: forced build, and forced install where it was installed.
/// - load: load, which asks for more. pack: the step that makes its format, for the kernels named, or with `all` for
///   each it is built for; for none where nothing built goes in.
/// - autoinstall, match, kernel_preinst: survey, which asks for the children: what is to be done depends on
///   configurations. No step at all for an autoinstall with nothing to do.
/// - kernel_prerm: a child for each module that is built for the kernel, that of unbuild without depmod; depmod at the
///   end. With `all` the same for every kernel that is gone: neither in the install tree nor known by headers that were
///   given; never for the running one.
/// - generate_key: generate_key. check: check.
///
/// An add step comes before the children. With `all` there may be nothing to do: a plan without steps. The requests in
/// the plan name what was found: version, kernels with architecture, one kernel in each child; with `all` the outermost
/// names no kernels, since it means those for which the module is built when it begins.
///
/// Throws Error: NoSuchModule, AlreadyAdded, SourceMissing, BrokenModule, NoSuchKernel, NotBuilt, NoEarlierVersion,
/// InvalidArgs, ReadFailed.
///
/// To be made once more when what the job is about is not changed by others (PlanJob in lib/queue/queue.h), from the
/// request in the plan: that then means what there is by then.
JobPlan plan(const Request& request, const PlanFacts& facts);

/// The same for a job that a survey has found to be needed, when it begins: nothing to do if the module has been taken
/// out of the tree meanwhile. Nothing where the survey's plan is as good as before.
std::optional<JobPlan> plan_of_part(const Request& request, const PlanFacts& facts);

} // namespace dkms
