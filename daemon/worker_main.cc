// SPDX-License-Identifier: LGPL-2.1-or-later
// dkms-worker: does one step and ends. Started by dkmsd only, or as the first process of a unit; see
// docs/architecture.md, "Worker protocol" and "Units".
#include "daemon/end_with_parent.h"
#include "daemon/keeper.h"
#include "daemon/work_order.h"
#include "lib/build/build_step.h"
#include "lib/build/key_step.h"
#include "lib/build/unbuild_step.h"
#include "lib/check/check_step.h"
#include "lib/config/framework.h"
#include "lib/install/depmod_step.h"
#include "lib/install/initramfs_step.h"
#include "lib/install/install_step.h"
#include "lib/install/modprobe_step.h"
#include "lib/install/post_transaction_step.h"
#include "lib/install/tidy_step.h"
#include "lib/install/uninstall_step.h"
#include "lib/package/adopt_step.h"
#include "lib/package/load_step.h"
#include "lib/package/pack_deb_step.h"
#include "lib/package/pack_disk_step.h"
#include "lib/package/pack_rpm_step.h"
#include "lib/package/pack_step.h"
#include "lib/plan/survey_step.h"
#include "lib/process/background.h"
#include "lib/process/own_usage.h"
#include "lib/process/work.h"
#include "lib/tree/add_step.h"
#include "lib/tree/pending.h"
#include "lib/tree/remove_step.h"

#include <nlohmann/json.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

namespace dkms {
namespace {

ActionFactory factory_of(StepKind kind)
{
    switch (kind) {
    case StepKind::add:
        return make_add_step;
    case StepKind::build:
        return make_build_step;
    case StepKind::install:
        return make_install_step;
    case StepKind::uninstall:
        return make_uninstall_step;
    case StepKind::unbuild:
        return make_unbuild_step;
    case StepKind::remove:
        return make_remove_step;
    case StepKind::initramfs:
        return make_initramfs_step;
    case StepKind::load:
        return make_load_step;
    case StepKind::adopt:
        return make_adopt_step;
    case StepKind::pack:
        return make_pack_step;
    case StepKind::pack_rpm:
        return make_pack_rpm_step;
    case StepKind::pack_deb:
        return make_pack_deb_step;
    case StepKind::pack_disk:
        return make_pack_disk_step;
    case StepKind::survey:
        return make_survey_step;
    case StepKind::survey_preinst:
        return make_preinst_survey_step;
    case StepKind::depmod:
        return make_depmod_step;
    case StepKind::modprobe:
        return make_modprobe_step;
    case StepKind::post_transaction:
        return make_post_transaction_step;
    case StepKind::generate_key:
        return make_key_step;
    case StepKind::tidy:
        return make_tidy_step;
    case StepKind::check:
        return make_check_step;
    default:
        break;
    }
    throw Error(ErrorCode::internal, {{"reason", "unknown step"}});
}

/// Reads up to the newline and not a byte more: what follows on the descriptor is its end.
std::string read_line(int descriptor)
{
    std::string line;
    for (char byte = 0; ::read(descriptor, &byte, 1) == 1 && byte != '\n';) line += byte;
    return line;
}

WorkOrder read_order()
{
    if (read_line(WorkerDescriptors::step) != worker_protocol())
        throw Error(ErrorCode::internal, {{"reason", "this worker belongs to another dkmsd"}});
    return work_order_from_json(nlohmann::json::parse(read_line(WorkerDescriptors::step)));
}

Outcome failed(const Error& error)
{
    return {error.code() == ErrorCode::cancelled ? Result::cancelled : Result::failed, error, {}};
}

Outcome carry_out(Work& work)
{
    const auto action = factory_of(work.step.kind)(work);
    work.cancellation.check();
    action->prepare();
    try {
        return action->run();
    } catch (...) {
        action->undo();
        throw;
    }
}

/// One of the three places where errors are caught.
Outcome guarded(Work& work)
{
    try {
        return carry_out(work);
    } catch (const Error& error) {
        return failed(error);
    } catch (const std::exception& fault) {
        return failed(Error(ErrorCode::internal, {{"reason", fault.what()}}));
    }
}

/// What framework.conf says for every command. One that cannot be read is the step's own trouble.
bool is_verbose(const WorkOrder& order)
{
    try {
        return read_framework(order.places, order.settings).verbose;
    } catch (const Error&) {
        return false;
    }
}

int serve()
{
    for (const int number : {WorkerDescriptors::step, WorkerDescriptors::events, WorkerDescriptors::lock,
                             WorkerDescriptors::jobserver_read, WorkerDescriptors::jobserver_write,
                             WorkerDescriptors::handle, WorkerDescriptors::signer})
        ::fcntl(number, F_SETFD, FD_CLOEXEC);
    WorkOrder order = read_order();
    order.step.options.verbose |= is_verbose(order);
    end_with_parent(WorkerDescriptors::step, order.step.kind);
    if (order.background) yield_to_others();
    Cancellation cancellation(WorkerDescriptors::step);
    Work work{order.step,   order.places,   Reporter(WorkerDescriptors::events, order.step.options.verbose),
              cancellation, std::nullopt,   order.job,
              -1,           order.settings, order.uid};
    if (order.handle) work.handle = WorkerDescriptors::handle;
    if (order.jobserver)
        work.jobserver = Jobserver::inherited(WorkerDescriptors::jobserver_read, WorkerDescriptors::jobserver_write);
    Outcome outcome = guarded(work);
    outcome.usage = own_usage() + work.commands;
    // What was interrupted stays noted, and so does an index that failed; anything else is not tried again.
    const bool is_index_old = work.step.kind == StepKind::depmod && outcome.result == Result::failed;
    if (place_at_end(work.step.kind) && outcome.result != Result::cancelled && !is_index_old)
        remove_pending(Layout(work.places), work.step.kernel, work.step.kind);
    write_all(WorkerDescriptors::events, to_line(outcome));
    return 0;
}

/// The connection that started this unit.
Descriptor connection_of_unit()
{
    if (::sd_listen_fds(1) != 1) throw Error(ErrorCode::internal, {{"reason", "a unit is started by its socket"}});
    return Descriptor(SD_LISTEN_FDS_START);
}

int begin(const std::vector<std::string_view>& words)
{
    if (words.empty()) return serve();
    const auto kind = words.size() == 2 && words.front() == "--unit" ? unit_kind_of(words.back()) : std::nullopt;
    if (!kind || runs_commands(*kind))
        throw Error(ErrorCode::internal, {{"reason", "it takes --unit and the kind of unit"}});
    return keep(*kind, connection_of_unit(), serve);
}

} // namespace
} // namespace dkms

int main(int argc, char** argv)
{
    ::prctl(PR_SET_NAME, "dkms-worker"); // it is executed by a descriptor, which has no name
    ::signal(SIGPIPE, SIG_IGN);          // a dkmsd that is gone must not kill an install
    ::umask(022);
    try {
        return dkms::begin({argv + 1, argv + argc});
    } catch (const std::exception& fault) {
        std::fprintf(stderr, "dkms-worker is started by dkmsd: %s\n", fault.what());
        return 1;
    }
}
