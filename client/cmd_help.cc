// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/commands.h"
#include "client/help.h"
#include "lib/model/error.h"

namespace dkms {

int run_help(const Invocation& invocation, Console& console)
{
    if (invocation.topic.empty()) {
        console.out(general_help());
        return 0;
    }
    const CommandRow* const row = command_named(invocation.topic);
    if (row == nullptr) {
        const UnknownCommand unknown = unknown_command(invocation.topic);
        Parameters parameters{{"reason", unknown.reason}};
        parameters.emplace("remedy", unknown.remedy.empty() ? "'dkmsctl help' lists the commands." : unknown.remedy);
        throw Error(ErrorCode::invalid_args, std::move(parameters));
    }
    console.out(command_help(*row));
    return 0;
}

} // namespace dkms
