// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/event.h"
#include "lib/model/outcome.h"
#include "lib/model/places.h"
#include "lib/model/step.h"
#include "lib/model/usage.h"
#include "lib/process/cancel.h"
#include "lib/process/jobserver.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace dkms {

/// Where a worker reports to: descriptor 4, one JSON object a line (docs/architecture.md, "Worker protocol").
class Reporter {
public:
    /// `verbose`: of commands that are started it is said that what they print is told, too.
    explicit Reporter(int descriptor, bool verbose = false) : descriptor_(descriptor), verbose_(verbose) {}

    void report(const Event& event) const;
    /// Shorthand for the event that is sent most. `percent`: how much of the step is done, 0…100.
    void stage(Stage stage, unsigned percent) const;
    /// A step that shows a command: returns when `run` has ended. `what` names it for people: "patch", "make",
    /// "pre_build" …
    void command_started(std::string_view what, std::string_view subject, std::string_view command) const;
    void command_ended(std::string_view what, std::string_view subject, int exit_code, double seconds) const;
    /// A long text becomes several events.
    void command_output(std::string_view what, std::string_view subject, std::string_view text) const;
    void warning(std::string_view name, const Parameters& parameters, std::string_view message) const;

private:
    int descriptor_;
    bool verbose_;
};

/// What a step gets to work with. Lives as long as the worker.
struct Work {
    Step step;
    Places places;
    Reporter reporter;
    Cancellation& cancellation;
    std::optional<Jobserver> jobserver; ///< absent: make alone decides how many jobs it runs
    JobId job = 0;                      ///< for records; 0 without a service
    int handle = -1;                    ///< the descriptor that lies beside the request; -1: none
    /// Settings of framework.conf that hold where no file says otherwise: those of a bus-less caller's environment.
    std::map<std::string, std::string> settings = {};
    unsigned uid = 0; ///< the user who asked for the job, for records
    /// Of commands that were not our children the time, and the memory that all of them were seen to have at a time.
    Usage commands = {};
};

/// One kind of step: one file that says how. The worker calls prepare, then run; undo when run has thrown or was
/// cancelled.
class Action {
public:
    virtual ~Action() = default;
    /// Looks whether it can be done, changing nothing. Throws what a person has to know.
    virtual void prepare() = 0;
    /// Does it. Throws Error; then undo is called.
    virtual Outcome run() = 0;
    /// Takes back what run has done so far, so that the tree is as before. Must not throw.
    virtual void undo() noexcept = 0;
};
using ActionFactory = std::unique_ptr<Action> (*)(Work& work);

} // namespace dkms
