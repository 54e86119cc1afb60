// SPDX-License-Identifier: LGPL-2.1-or-later
#include "daemon/start_worker.h"

#include <nlohmann/json.hpp>

namespace dkms {

WorkerChild start_worker(const std::filesystem::path& program, int program_file, const WorkOrder& order,
                         const WorkerGifts& gifts, const std::vector<std::string>& environment)
{
    Pipe orders = make_pipe();
    Command command;
    command.argv = {"dkms-worker"};
    command.program = program;
    command.program_file = program_file;
    command.environment = base_environment();
    command.environment.insert(command.environment.end(), environment.begin(), environment.end());
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
    WorkerChild worker{std::move(orders.write), Child::start(command)};
    // A few hundred bytes: a pipe takes them at once.
    write_all(worker.order.number(), worker_protocol() + "\n" + to_json(order).dump() + "\n");
    return worker;
}

} // namespace dkms
