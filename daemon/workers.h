// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/loop.h"
#include "daemon/start_worker.h"
#include "daemon/tree_claim.h"
#include "lib/model/error.h"
#include "lib/plan/gaps.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// How a worker ended.
struct WorkerEnd {
    ExitStatus status;
    /// It was never at work: the service manager did not start its unit, or the unit refused the order.
    std::optional<Error> refused = {};
    bool outdated = false; ///< the worker that is installed now belongs to another dkmsd than this one
};

/// A dkms-worker that was started, wherever it runs. Ends it with SIGKILL when the object ends.
class StartedWorker {
public:
    StartedWorker() = default;
    StartedWorker(const StartedWorker&) = delete;
    StartedWorker& operator=(const StartedWorker&) = delete;
    virtual ~StartedWorker() = default;

    virtual pid_t pid() const = 0;              ///< 0: not known (yet)
    virtual void terminate() = 0;               ///< asks it to stop (SIGTERM)
    virtual void kill() = 0;                    ///< with all that it has started
    virtual int descriptor() const = 0;         ///< readable when end() has to be asked
    virtual std::optional<WorkerEnd> end() = 0; ///< how it ended, once it has
};

/// Where steps are done, and what else a service needs that changes the system. Decided once: by children of ours, with
/// our own rights, or by units of the service manager, so that this process needs none (docs/hardening.md).
class Workers {
public:
    Workers() = default;
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;
    virtual ~Workers() = default;

    /// Throws Error Internal, UnitFailed.
    virtual std::unique_ptr<StartedWorker> start(const WorkOrder& order, const WorkerGifts& gifts) = 0;
    /// The step is about to be started: what takes time may be begun. Throws nothing.
    virtual void expect(const Step&) noexcept {}
    /// Nothing is to be done: what was begun for nothing is ended, and what makes the next first step start quickly may
    /// be got ready. Throws nothing.
    virtual void rest() noexcept {}

    /// Whether the builds of one module can have directories of their own; nothing: not known before claim() has taken
    /// the tree.
    virtual std::optional<bool> private_builds() = 0;
    /// Our right to change the tree. `news`: it is worth calling take() again; called from the loop.
    virtual std::unique_ptr<TreeClaim> claim(const std::string& mode, std::function<void()> news) = 0;
    /// What a worker that was killed had begun is taken back: recover_from().
    virtual void recover(pid_t worker) noexcept = 0;

    /// Asks systemd-logind in our place for a block inhibitor of shutdown and sleep; nothing is called where it
    /// refuses. False: we have the right to ask ourselves.
    virtual bool inhibit(const std::string& why, std::function<void(Descriptor)> held) = 0;
    /// See tell_at_login(), of which it throws the errors; `run` empty: nobody is told.
    virtual void tell_at_login(const std::filesystem::path& run, const std::vector<KernelGap>& gaps) = 0;
};

/// `program` is opened now and run by that descriptor, so that an upgrade does not mix versions. Throws Error Internal.
std::unique_ptr<Workers> workers_as_children(Loop& loop, Places places, const std::filesystem::path& program);

/// The sockets that start units lie in `sockets`. `outdated`: what is installed is another version, so this process
/// should make room for it; called from the loop.
std::unique_ptr<Workers> workers_as_units(Loop& loop, Places places, std::filesystem::path sockets,
                                          std::function<void()> outdated);

} // namespace dkms
