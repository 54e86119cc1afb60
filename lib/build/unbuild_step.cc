// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/unbuild_step.h"

#include "lib/build/private_directory.h"
#include "lib/model/error.h"
#include "lib/tree/directory.h"
#include "lib/tree/lower_layer.h"
#include "lib/tree/record.h"
#include "lib/tree/scan.h"

#include <cerrno>
#include <cstdio>
#include <optional>

#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

class UnbuildStep : public Action {
public:
    explicit UnbuildStep(Work& work) : work_(work), layout_(work.places) {}

    void prepare() override
    {
        const ModuleId& module = work_.step.module;
        const fs::path version = layout_.version(module);
        if (!leads_to_directory(version))
            throw Error(ErrorCode::no_such_module, {{"module", module.text()}, {"tree", layout_.tree().string()}});
        require_writable(version);
    }

    Outcome run() override
    {
        const KernelId& kernel = work_.step.kernel;
        const fs::path built = layout_.kernel(work_.step.module, kernel);
        if (work_.step.part_of == Verb::install && is_wanted()) return {Result::skipped, std::nullopt, {}};
        if (!is_present(built)) {
            forget_note();
            work_.reporter.report(Event(EventKind::not_built, {{"kernel", kernel.release}}));
            return {Result::skipped, std::nullopt, {}};
        }
        PrivateDirectory grave(layout_, layout_.staging(), work_.step.module.name + "-" + kernel.release);
        const fs::path aside = grave.path() / "old";
        if (const int failed = move_directory(layout_, built, aside)) refuse_change(built, failed);
        sync_directory(built.parent_path());
        // It stays while another architecture is in it.
        if (::rmdir(built.parent_path().c_str()) == 0) sync_directory(layout_.version(work_.step.module));
        forget_note();
        try {
            grave.remove();
        } catch (const Error& error) { // the build is gone all the same
            work_.reporter.warning(error.name(), error.parameters(), error.message());
        }
        return {};
    }

    void undo() noexcept override
    {
        // The one change is a rename, which has happened or not; nothing that follows it can fail.
    }

private:
    /// It was not when the step was asked for.
    bool is_wanted() const
    {
        return active_version(layout_, work_.step.module.name, work_.step.kernel) == work_.step.module.version;
    }

    void forget_note() const noexcept
    {
        remove_trouble_record(layout_, work_.step.module, work_.step.kernel);
        ::unlink(layout_.failed_log(work_.step.module, work_.step.kernel).c_str()); // one that stays has no trouble
    }

    Work& work_;
    Layout layout_;
};

} // namespace

std::unique_ptr<Action> make_unbuild_step(Work& work) { return std::make_unique<UnbuildStep>(work); }

} // namespace dkms
