// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "daemon/start_worker.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dkms {

/// The units that work for dkmsd, each started by a connection to its socket (docs/architecture.md, "Units").
enum class UnitKind {
    tree,               ///< does all steps; takes the lock
    build,              ///< runs the commands of a build
    build_network,      ///< the same, of a module whose builds the administrator lets use the network
    build_root,         ///< the same two where the sandbox has to be made by root
    build_root_network, ///<
    script,             ///< what modules and the system bring: scripts, tools that make an initramfs
    sign,               ///< signs modules for the others: the only one that sees the key
};

std::string_view name_of(UnitKind kind); ///< "tree"
std::optional<UnitKind> unit_kind_of(std::string_view name);
/// Whether it runs the commands of builds: what it hears is in lib/build/command_unit.h.
bool runs_commands(UnitKind kind);

/// Where the sockets are.
constexpr const char* unit_sockets = "/run/dkms-units";
std::filesystem::path socket_of(UnitKind kind, const std::filesystem::path& directory = unit_sockets);

/// "dkms-tree@*.service", for people.
std::string unit_pattern(UnitKind kind);

// What is said, one JSON object a message (lib/process/message.h). To a unit, first:
//   {"protocol":P,"claim":MODE,"try_sandbox":B}   take the tree's lock; an order may follow
//   {"protocol":P,"order":O,"with":[names]}       do a step; descriptors beside it, named after the members of
//   WorkerGifts
//   {"protocol":P,"recover":PID}                  take back what that process had begun; it has ended
//   {"protocol":P,"inhibit":WHY}                  see Workers::inhibit
//   {"protocol":P,"tell_at_login":true}           look for gaps and tell of them
// and then, while a step runs: {"stop":true}, {"kill":true}. The end of the connection is a stop. From a unit:
//   {"outdated":P}                                it belongs to another version; nothing was done
//   {"refused":ERROR}                             nothing was done
//   {"waits":HOLDER,"process":PID}                for the lock
//   {"held":true,"private_builds":B,"short":E}    the lock lies beside it, and what tells whether another waits for it
//   (TreeLock::open_turn); E: see TreeClaim::shortage, may be missing
//   {"started":PID}, {"ended":{"code":C,"signal":S},"more":B,"short":E}   more: another order may follow
//   {"done":true}                                 recovered, told
//   {"inhibited":true}                            what keeps the machine on lies beside it
// The unit for scripts is spoken to as in lib/process/wide_command.h, those for a build's commands as in
// lib/build/command_unit.h, that for signing as in lib/build/signer.h.

/// Names and places of descriptors beside an order.
std::vector<std::pair<const char*, int WorkerGifts::*>> gift_names();

} // namespace dkms
