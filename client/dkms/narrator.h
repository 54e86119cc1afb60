// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/console.h"
#include "client/dkms/error_text.h"
#include "lib/model/event.h"
#include "lib/model/job.h"

#include <set>
#include <string>

namespace dkms::legacy {

/// How the whole output is told.
struct Style {
    std::string action;   ///< the word on the command line
    bool verbose = false; ///< commands themselves and what they print, instead of descriptions
    std::string archive;  ///< where the archive will lie that is written through a handle; empty: where the event says
};

/// Tells one job in the words of the old program, event by event: what stands on standard output and standard error is
/// compared to the letter by package scripts and by upstream's test suite (docs/dkms.8, "Output").
///
/// It knows nothing of other jobs but what must not be said twice: `said` is shared by the narrators of one command.
class Narrator {
public:
    Narrator(Console& console, Style style, const Request& request, std::set<std::string>& said);

    void tell(const Event& event);
    /// Why the job failed, or why it was skipped; nothing for one that is done or was cancelled.
    void tell_end(const JobView& job);
    /// Time has passed: a dot every three seconds while a command runs. `now`: seconds since the epoch.
    void tick(double now);

    const Request& request() const { return request_; }

private:
    void out(const std::string& text) { console_.out(text); }
    void err(const std::string& text) { console_.err(text); }
    void once(const std::string& text);
    std::string kernel_text() const;
    Subject subject() const;

    void tell_command_started(const Event& event);
    void tell_command_output(const Event& event);
    void tell_command_ended(const Event& event);
    void tell_signing(const Event& event);
    void tell_signing_off(const Event& event);
    void tell_warning(const Event& event);
    void tell_refusal(const Event& event);
    void tell_step_ended(const Event& event);
    void tell_clearance(const std::string& step);
    bool tell_build(const Event& event);
    bool tell_install(const Event& event);
    bool tell_uninstall(const Event& event);
    bool tell_archive(const Event& event);

    Console& console_;
    Style style_;
    Request request_;
    KernelId kernel_; ///< of the step that runs
    std::set<std::string>& said_;
    bool verbose_;             ///< the style's, or the administrator's
    std::string command_;      ///< the command that runs
    double running_since_ = 0; ///< 0: no description stands open
    unsigned dots_ = 0;
    std::string held_back_; ///< comes at the end of the step
    std::string keys_made_; ///< comes behind what signs
    bool clearance_told_ = false;
    bool taken_out_ = false; ///< an install has uninstalled something before
    bool obsolete_told_ = false;
    bool has_steps_behind_ = false; ///< a kernel's part of it has been told already
};

} // namespace dkms::legacy
