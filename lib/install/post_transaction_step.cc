// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/post_transaction_step.h"

#include "lib/build/make_log.h"
#include "lib/config/framework.h"
#include "lib/process/refusal.h"
#include "lib/process/wide_command.h"
#include "lib/tree/layout.h"

#include <cerrno>
#include <chrono>

#include <fcntl.h>

namespace dkms {
namespace {

class PostTransactionStep : public Action {
public:
    explicit PostTransactionStep(Work& work) : work_(work) {}

    void prepare() override
    {
        line_ = with_kernel(read_framework(work_.places, work_.settings).post_transaction, work_.step.kernel.release);
    }

    Outcome run() override
    {
        if (line_.empty()) return {Result::skipped, std::nullopt};
        const auto path = Layout(work_.places).tree() / "post_transaction.log";
        const Descriptor log(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
        if (!log) refuse_change(path, errno);
        Command command;
        command.argv = {"bash", "-c", line_}; // the administrator's own line, as MAKE is a module's
        command.environment = base_environment();
        command.environment.push_back("kernelver=" + work_.step.kernel.release);
        command.output = log.number();
        write_all(log.number(), date_text() + "\n" + log_head("Executing post-transaction command", line_));
        work_.reporter.command_started("post_transaction", work_.step.kernel.release, line_);
        const auto began = std::chrono::steady_clock::now();
        const ExitStatus status = run_wide(command, &work_.cancellation);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
        write_all(log.number(), log_foot(status.code, seconds.count()));
        work_.reporter.command_ended("post_transaction", work_.step.kernel.release, status.code, seconds.count());
        if (!status.ok())
            work_.reporter.warning("post-transaction-failed", {{"exit_code", std::to_string(status.code)}},
                                   "The post-transaction command ended with " + std::to_string(status.code) +
                                       "; its output is in " + path.string() + ".");
        return {};
    }

    void undo() noexcept override {} // nobody knows what the command has done

private:
    Work& work_;
    std::string line_;
};

} // namespace

std::unique_ptr<Action> make_post_transaction_step(Work& work) { return std::make_unique<PostTransactionStep>(work); }

} // namespace dkms
