// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/start_worker.h"

#include <nlohmann/json.hpp>

namespace dkms {

namespace {

Command command_of(const WorkerGifts& gifts, const Pipe& orders)
{
    Command command;
    command.argv = {"dkms-worker"};
    command.environment = base_environment();
    command.output = gifts.log;
    command.inherit = {{orders.read.number(), WorkerDescriptors::step}};
    for (const auto& [ours, theirs] : {std::pair{gifts.events, WorkerDescriptors::events},
                                       {gifts.lock, WorkerDescriptors::lock},
                                       {gifts.jobserver_read, WorkerDescriptors::jobserver_read},
                                       {gifts.jobserver_write, WorkerDescriptors::jobserver_write},
                                       {gifts.handle, WorkerDescriptors::handle}})
        if (ours >= 0) command.inherit.emplace_back(ours, theirs);
    // It hears of our end by the end of file and then puts things in order itself.
    command.die_with_parent = false;
    return command;
}

/// A few hundred bytes: a pipe takes them at once.
void send_order(const WorkerChild& worker, const WorkOrder& order)
{
    write_all(worker.order.number(), worker_protocol() + "\n" + to_json(order).dump() + "\n");
}

} // namespace

WorkerChild start_worker(int program, const WorkOrder& order, const WorkerGifts& gifts)
{
    Pipe orders = make_pipe();
    Command command = command_of(gifts, orders);
    command.program_file = program;
    WorkerChild worker{std::move(orders.write), Child::start(command)};
    send_order(worker, order);
    return worker;
}

WorkerChild fork_worker(const std::function<int()>& does, const WorkOrder& order, const WorkerGifts& gifts, int signer,
                        const std::vector<std::string>& environment)
{
    Pipe orders = make_pipe();
    Command command = command_of(gifts, orders);
    command.environment.insert(command.environment.end(), environment.begin(), environment.end());
    if (signer >= 0) {
        command.inherit.emplace_back(signer, WorkerDescriptors::signer);
        command.environment.push_back("DKMS_SIGN_CONNECTION=" + std::to_string(WorkerDescriptors::signer));
    }
    WorkerChild worker{std::move(orders.write), Child::fork(command, does)};
    send_order(worker, order);
    return worker;
}

} // namespace dkms
