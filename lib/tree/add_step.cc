// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/add_step.h"

#include "lib/files/remove_tree.h"
#include "lib/tree/directory.h"
#include "lib/tree/layout.h"
#include "lib/tree/lock.h"
#include "lib/tree/registration.h"
#include "lib/tree/transaction_mark.h"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

class AddStep : public Action {
public:
    explicit AddStep(Work& work)
        : work_(work), layout_(work.places), module_(work.step.module), source_(layout_.source_in_source_tree(module_)),
          registration_(work)
    {
    }

    void prepare() override;
    Outcome run() override;
    void undo() noexcept override;

private:
    [[noreturn]] void refuse_again() const;
    void check_source() const;
    void discard_staged() noexcept;

    Work& work_;
    Layout layout_;
    ModuleId module_;
    std::filesystem::path source_;
    Registration registration_;
    std::filesystem::path staged_; ///< below .dkmsd/staging
    bool already_ = false;         ///< the module is in the tree
};

void AddStep::prepare()
{
    already_ = Registration::is_added(layout_, module_);
    if (already_ && work_.step.implied) return; // somebody has done it while this waited
    if (already_) {
        // A package that is installed again: the transaction is noted before this is refused.
        if (work_.step.options.transaction.empty()) refuse_again();
        return require_writable(layout_.tree());
    }
    check_source();
    registration_.check(source_ / "dkms.conf");
}

void AddStep::refuse_again() const
{
    throw Error(ErrorCode::already_added, {{"module", module_.text()}, {"tree", layout_.tree().string()}});
}

void AddStep::check_source() const
{
    Parameters parameters{{"module", module_.text()}, {"path", source_.string()}};
    struct stat facts {};
    const bool seen = ::stat(source_.c_str(), &facts) == 0; // else a directory above it may not be entered
    if (seen && S_ISDIR(facts.st_mode) && ::access(source_.c_str(), R_OK | X_OK) == 0) return;
    const int failed = errno;
    if (seen ? !S_ISDIR(facts.st_mode) : means_absent(failed) || failed == ELOOP)
        throw Error(ErrorCode::source_missing, parameters);
    parameters["reason"] = errno_text(failed);
    parameters["errno"] = std::to_string(failed);
    throw Error(ErrorCode::source_unreadable, parameters);
}

Outcome AddStep::run()
{
    if (already_ && work_.step.implied) return {Result::skipped, std::nullopt};
    if (!already_) registration_.report_conf();
    work_.cancellation.check();
    if (!work_.step.options.transaction.empty()) mark_transaction(layout_, module_, work_.step.options.transaction);
    if (already_) refuse_again();
    registration_.report_link();
    make_own_directory(layout_, layout_.staging());
    staged_ = layout_.staging() / unique_name("add-");
    make_directories(staged_);
    registration_.publish(staged_);
    registration_.run_post_add();
    discard_staged();
    return {};
}

void AddStep::discard_staged() noexcept
{
    if (staged_.empty()) return;
    try {
        remove_tree(staged_);
    } catch (const Error& error) {
        work_.reporter.warning(error.name(), error.parameters(), error.message());
    }
}

void AddStep::undo() noexcept
{
    registration_.undo();
    discard_staged();
}

} // namespace

std::unique_ptr<Action> make_add_step(Work& work) { return std::make_unique<AddStep>(work); }

} // namespace dkms
