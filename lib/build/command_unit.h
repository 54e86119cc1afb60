// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/command_place.h"
#include "lib/process/descriptor.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace dkms {

// What a worker says to a unit that runs the commands of a build, one JSON object a message (lib/process/message.h):
//   {"commands":2,"background":B}                        first
//   {"run":true}                                         beside it: the command, in a file (below), then the
//                                                        descriptors that it inherits, in its order
//   {"look":true,"most_tasks":N,"exact_beyond":N,"deleted_at":PATH}   while it runs
//   {"stop":true}, {"kill":true}                         end it; so does the end of the connection
// and the unit:
//   {"ready":true}                                       first; the kernel says whose it is
//   {"refused":ERROR}                                    it cannot be started
//   {"taken":{"tasks":N,"memory":N,"deleted":N}}         to a look, unless the command has ended
//   {"ended":{"code":C,"signal":S},"cpu_seconds":T}      T: of all commands so far
//   {"cancelled":true}                                   the service manager ends the unit
// The worker believes nothing of it: who breaks out of a sandbox could have said it. Time, output and space on the disk
// are therefore looked at by the worker; the rest has bounds in the unit's file.
constexpr int command_protocol = 2;

/// A command as it is sent: as bytes, for names need not be text.
struct SentCommand {
    Command command;                ///< its descriptors are numbers of whoever has it
    std::optional<Sandbox> sandbox; ///< absent: it runs as it is
};
std::string to_bytes(const SentCommand& sent);
/// The descriptors of `sent`, in their order.
std::vector<int> descriptors_of(const SentCommand& sent);
/// Gives it the descriptors that came beside it, from `first` on. Throws Error Internal: it is not one, or some are
/// missing.
SentCommand sent_command(const std::string& bytes, const std::vector<Descriptor>& beside, std::size_t first);
constexpr std::size_t most_of_a_command = std::size_t{64} * 1024 * 1024;

/// In units whose sockets lie in `directory`: build, where a user makes the sandbox, or build-root, where that cannot
/// be; each with -network or without. Which of the two is tried before the first command, with its sandbox.
std::unique_ptr<CommandPlace> commands_in_units(const std::filesystem::path& directory, bool network);

} // namespace dkms
