// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/build/command_place.h"

#include "lib/build/command_unit.h"
#include "lib/process/descendants.h"

#include <cstdlib>

#include <unistd.h>

namespace dkms {
namespace {

/// The directory of their sockets; null: there are none for this process.
const char* unit_sockets() { return std::getenv("DKMS_BUILD_UNITS"); }

class Here : public CommandPlace {
public:
    void settle(SandboxKind kind, const Sandbox&, const std::filesystem::path&, LimitWatch&, Cancellation&) override
    {
        kind_ = kind;
    }

    ExitStatus run(Command command, const Sandbox& sandbox, const std::function<void(std::string_view)>& heard,
                   LimitWatch& limits, Cancellation& cancellation) override
    {
        Watch watch;
        // Of all that are ours: without a sandbox what a command has left running has become our child.
        watch.look = [&](pid_t) { limits.judge(taken_below(::getpid(), limits.question())); };
        LeftBehind left_behind;
        const ExitStatus status =
            run_heard(sandboxed(std::move(command), sandbox, kind_), heard, &cancellation, &watch);
        left_behind.end_all();
        return status;
    }

private:
    SandboxKind kind_ = SandboxKind::none;
};

} // namespace

bool has_command_units() { return unit_sockets() != nullptr; }

std::unique_ptr<CommandPlace> command_place(bool network)
{
    if (const char* const sockets = unit_sockets()) return commands_in_units(sockets, network);
    return std::make_unique<Here>();
}

} // namespace dkms
