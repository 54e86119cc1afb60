// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/console.h"
#include "client/dkms/words.h"
#include "client/transport.h"

#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace dkms::legacy {

/// One command of `dkms` while it runs: the words, where it writes, and the way to a dkmsd, which is found when it is
/// first needed.
class Session {
public:
    Session(const Words& words, Console& console) : words_(words), console_(console) {}

    const Words& words() const { return words_; }
    Console& console() { return console_; }

    /// Submits a request, tells what becomes of it, and returns the exit code. `archive`: where the archive lies or
    /// will lie that the handle is about. Whoever may not ask the service works with his own rights. Throws Error.
    int carry_out(const Request& request, Descriptor handle = {}, const std::string& archive = {});

    /// What the last request loaded; empty if nothing.
    const ModuleId& loaded() const { return loaded_; }
    /// What the tree holds. Always read by a dkmsd of our own: nobody waits for a service to see the status.
    std::vector<ModuleStatus> status(const StatusFilter& filter) const;

private:
    Transport& transport(int to_load);

    const Words& words_;
    Console& console_;
    std::unique_ptr<Transport> transport_;
    std::set<std::string> said_;
    ModuleId loaded_;
};

/// Whether `word` is an action.
bool is_action(std::string_view word);

/// Checks the words in the order in which the old program did, and does what they ask for. Returns the exit code.
/// Throws Fault for words that do not fit, Error for what dkmsd says.
int run_action(Session& session);

/// Tells why a request was refused, before there was a job. Returns the exit code.
int tell_refused(const Error& error, const Request& request, Console& console);

} // namespace dkms::legacy
