// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/check_step.h"

#include "lib/check/problems.h"
#include "lib/check/repair.h"
#include "lib/tree/directory.h"

#include <nlohmann/json.hpp>

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
        return {found_ == 0 ? Result::skipped : Result::done, std::nullopt, {}};
    }

    void undo() noexcept override {} // each repair is whole in itself

private:
    void look(std::vector<Problem> (*problems)(const Places&))
    {
        for (Problem& problem : problems(work_.places)) {
            work_.cancellation.check();
            if (work_.step.options.repair && problem.certain) repair(problem, work_.places);
            work_.reporter.report(Event(EventKind::problem, to_json(problem)));
            ++found_;
        }
    }

    Work& work_;
    std::size_t found_ = 0;
};

} // namespace

std::unique_ptr<Action> make_check_step(Work& work) { return std::make_unique<CheckStep>(work); }

} // namespace dkms
