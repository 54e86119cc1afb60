// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/message_of_the_day.h"
#include "daemon/workers.h"
#include "lib/install/recover.h"
#include "lib/process/refusal.h"
#include "lib/process/sandbox.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>

namespace dkms {
namespace {

constexpr int high_descriptor = 100; // above every number that a worker gets

Descriptor open_program(const std::filesystem::path& program)
{
    const Descriptor opened(::open(program.c_str(), O_PATH | O_CLOEXEC));
    Descriptor raised(opened ? ::fcntl(opened.number(), F_DUPFD_CLOEXEC, high_descriptor) : -1);
    if (!raised) refuse_call(program.string(), errno);
    return raised;
}

class ChildWorker : public StartedWorker {
public:
    explicit ChildWorker(WorkerChild worker) : worker_(std::move(worker)) {}

    pid_t pid() const override { return worker_.child.pid(); }
    void terminate() override { worker_.child.signal(SIGTERM); }
    void kill() override { worker_.child.signal_group(SIGKILL); }
    int descriptor() const override { return worker_.child.descriptor(); }

    std::optional<WorkerEnd> end() override
    {
        const auto status = worker_.child.poll();
        return status ? std::optional(WorkerEnd{*status}) : std::nullopt;
    }

private:
    WorkerChild worker_;
};

class ChildWorkers : public Workers {
public:
    ChildWorkers(Loop& loop, Places places, const std::filesystem::path& program)
        : loop_(loop), places_(std::move(places)), program_(open_program(program))
    {
    }

    std::unique_ptr<StartedWorker> start(const WorkOrder& order, const WorkerGifts& gifts) override
    {
        return std::make_unique<ChildWorker>(start_worker(program_.number(), order, gifts));
    }

    std::optional<bool> private_builds() override { return available_sandbox() != SandboxKind::none; }

    std::unique_ptr<TreeClaim> claim(const std::string& mode, std::function<void()> news) override
    {
        return claim_by_ourselves(loop_, places_, mode, std::move(news));
    }

    void recover(pid_t worker) noexcept override { recover_from(worker, places_); }
    bool inhibit(const std::string&, std::function<void(Descriptor)>) override { return false; }

    void tell_at_login(const std::filesystem::path& run, const std::vector<KernelGap>& gaps) override
    {
        if (!run.empty()) dkms::tell_at_login(run, gaps);
    }

private:
    Loop& loop_;
    Places places_;
    Descriptor program_;
};

} // namespace

std::unique_ptr<Workers> workers_as_children(Loop& loop, Places places, const std::filesystem::path& program)
{
    return std::make_unique<ChildWorkers>(loop, std::move(places), program);
}

} // namespace dkms
