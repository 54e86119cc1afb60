// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/build/command_place.h"
#include "lib/build/first_error.h"
#include "lib/build/limit_watch.h"
#include "lib/build/make_log.h"
#include "lib/build/restriction.h"
#include "lib/build/workplace.h"
#include "lib/model/error.h"
#include "lib/process/work.h"

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace dkms {

using Environment = std::map<std::string, std::string>;

/// A command of a build and how it is called.
struct BuildCommand {
    std::string what;                                 ///< for events: "patch", "pre_build", "make", "post_build"
    std::string subject;                              ///< for events: the patch, or the module
    std::string description;                          ///< for make.log: "Building module(s)"
    std::string text;                                 ///< the command as a person would type it
    Command command;                                  ///< its environment is the build's
    std::function<void(std::string_view)> heard = {}; ///< gets the output as it comes; may be empty
};

/// Runs the commands of one build one after the other: in the workplace, with the build's environment and within its
/// limits, their output in make.log, beginning and end reported. What a command leaves running ends with it.
class BuildCommands {
public:
    BuildCommands(const Work& work, const Workplace& workplace, MakeLog& log, Environment environment,
                  std::unique_ptr<CommandPlace> place);

    /// To be called once, before the workplace is filled: who it has to belong to. `give` is told that, and may be told
    /// again. Throws what CommandPlace::settle throws, and `give`.
    void settle(const std::function<void(std::pair<uid_t, gid_t>)>& give);

    /// Throws Error Cancelled or BuildLimit after everything the command has started is gone; DiskFull, also when the
    /// command fails and its output tells so; MakeMissing when the program does not exist.
    ExitStatus run(BuildCommand command);

    /// A command of ours rather than of the build: in the same place, with an environment of its own, and without being
    /// told of. The end of what it says is cut. Throws as run() but for DiskFull.
    Captured run_quietly(Command command);

    /// The error for the last command, which failed: `error` with the parameter "excerpt", the lines of the output that
    /// say best why, and of BuildFailed maybe "remedy". Where a restriction of builds is the cause, SandboxRestriction
    /// instead, with the parameters of `error`. `texts`: what the command consists of, should it have failed without a
    /// word.
    Error explained(const Error& error, const std::vector<CommandText>& texts = {}) const;

    /// `error` for something that the last command, which ended well, should have made: with what programs complained
    /// of in its output, up to three lines, as the parameter "excerpt", and "remedy" if a known cause shows in them.
    Error with_complaints(const Error& error) const;

    Environment& environment() { return environment_; }
    const Workplace& workplace() const { return workplace_; }
    const Work& work() const { return work_; }
    /// What commands have taken of the machine: the time of those that were not children of ours, the memory of all.
    Usage usage() const { return place_->usage() + Usage{0, limits_.peak_memory()}; }
    /// See CommandPlace.
    std::string root_because() const { return place_->root_because(); }

private:
    ExitStatus run_in_place(Command command, const std::function<void(std::string_view)>& heard);
    std::string hint_for(const FailureReason& reason) const;
    std::optional<Restriction> restriction(const std::vector<CommandText>& texts) const;

    const Work& work_;
    const Workplace& workplace_;
    MakeLog& log_;
    Environment environment_;
    LimitWatch limits_;
    std::unique_ptr<CommandPlace> place_;
    int last_code_ = 0;
};

} // namespace dkms
