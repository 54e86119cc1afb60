// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/unbuild_step.h"

#include "lib/build/private_directory.h"
#include "lib/model/error.h"
#include "lib/tree/directory.h"
#include "lib/tree/record.h"

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
        std::error_code ignored;
        if (!fs::exists(fs::symlink_status(built, ignored))) {
            forget_note();
            work_.reporter.report(Event(EventKind::not_built, {{"kernel", kernel.release}}));
            return {Result::skipped, std::nullopt, {}};
        }
        const PrivateDirectory grave(layout_, layout_.staging(), work_.step.module.name + "-" + kernel.release);
        const fs::path aside = grave.path() / "old";
        if (::rename(built.c_str(), aside.c_str()) < 0) refuse_change(built, errno);
        ::rmdir(built.parent_path().c_str()); // stays while another architecture is in it
        forget_note();
        return {};
    }

    void undo() noexcept override
    {
        // The one change is a rename, which has happened or not; nothing that follows it can fail.
    }

private:
    void forget_note() const noexcept
    {
        remove_trouble_record(layout_, work_.step.module, work_.step.kernel);
        std::error_code ignored;
        fs::remove(layout_.failed_log(work_.step.module, work_.step.kernel), ignored);
    }

    Work& work_;
    Layout layout_;
};

} // namespace

std::unique_ptr<Action> make_unbuild_step(Work& work) { return std::make_unique<UnbuildStep>(work); }

} // namespace dkms
