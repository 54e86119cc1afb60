// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/check_step.h"

#include "lib/check/problems.h"
#include "lib/check/repair.h"
#include "lib/install/depmod.h"
#include "lib/install/indexing.h"
#include "lib/tree/directory.h"

#include <nlohmann/json.hpp>

#include <map>
#include <string>

namespace dkms {
namespace {

class CheckStep : public Action {
public:
    explicit CheckStep(Work& work) : work_(work) {}

    void prepare() override
    {
        if (work_.step.options.repair) require_writable(work_.places.dkms_tree);
    }

    Outcome run() override
    {
        // The DKMS tree first: an original that is put back, say, is to be in the index.
        look(problems_in_tree);
        look(problems_in_kernels);
        index();
        return {found_ == 0 ? Result::skipped : Result::done, std::nullopt, {}};
    }

    void undo() noexcept override {} // each repair is whole in itself

private:
    void look(std::vector<Problem> (*problems)(const Places&))
    {
        for (Problem& problem : problems(work_.places)) {
            work_.cancellation.check();
            if (work_.step.options.repair && problem.certain) repair(problem, work_.places);
            note_index(problem);
            tell(problem);
        }
    }

    void tell(const Problem& problem)
    {
        work_.reporter.report(Event(EventKind::problem, to_json(problem)));
        ++found_;
    }

    /// Modules that are back have to be in the index, once for all of them.
    void note_index(const Problem& problem)
    {
        if (!problem.repaired) return;
        if (problem.kind == ProblemKind::module_missing || problem.kind == ProblemKind::module_differs)
            to_index_[problem.kernel.release] = problem.kernel;
        else if (problem.kind == ProblemKind::index_outdated)
            to_index_.erase(problem.kernel.release);
    }

    void index()
    {
        for (const auto& [release, kernel] : to_index_)
            if (const auto failure = index_again(work_.places, kernel)) {
                Problem problem{ProblemKind::index_outdated, modules_dep(work_.places, release), {}, kernel, true};
                problem.reason = *failure;
                tell(problem);
            }
    }

    Work& work_;
    std::size_t found_ = 0;
    std::map<std::string, KernelId> to_index_; ///< by release
};

} // namespace

std::unique_ptr<Action> make_check_step(Work& work) { return std::make_unique<CheckStep>(work); }

} // namespace dkms
