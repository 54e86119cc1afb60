// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/console.h"
#include "client/progress.h"

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace dkms {

/// Shows the events of a job, and of its children, to whoever started the command. One of several is chosen by
/// make_renderer() and is fed with every event; what it prints depends on these and on its console only.
class Renderer {
public:
    /// `service`: jobs have a log that dkmsctl can ask for. `console` must outlive the renderer.
    Renderer(Console& console, bool service) : console_(console), service_(service) {}
    virtual ~Renderer() = default;
    Renderer(const Renderer&) = delete;
    Renderer& operator=(const Renderer&) = delete;

    virtual void event(const Event& event);
    const ProgressBoard& board() const { return board_; }
    /// See ProgressBoard::set_file.
    void set_file(std::string name) { board_.set_file(std::move(name)); }

    /// How often tick() wants to be called; zero: never.
    virtual std::chrono::milliseconds tick_period() const { return std::chrono::milliseconds(0); }
    /// Time has passed. `now`: seconds since the epoch.
    virtual void tick(double now) { static_cast<void>(now); }
    /// A sentence for people, without a newline, that is no error.
    virtual void say(std::string_view sentence) = 0;
    /// One that nobody may miss, whatever they asked not to be told.
    virtual void insist(std::string_view sentence) { say(sentence); }
    /// Everything has ended with this exit code.
    virtual void finish(int exit_code) { static_cast<void>(exit_code); }
    /// Leaves the terminal as it was found. May be called at any time, more than once.
    virtual void clear() {}

protected:
    /// For a renderer with an event() of its own: keeps the board.
    void note(const Event& event) { board_.apply(event); }
    /// The job's activity is another one now.
    virtual void activity_changed(const JobProgress& job) { static_cast<void>(job); }
    /// Something about the job has changed, such as its percentage.
    virtual void progressed(const Event& event) { static_cast<void>(event); }
    /// A job has ended that is one of board().results().
    virtual void job_ended(const JobProgress& job) = 0;

    /// The lines about an ended job, coloured for the stream they go to: its result, and what a person has to know when
    /// it failed.
    std::string ended_text(const JobProgress& job) const;
    /// Prints these: results to `out`, failures to `err`.
    void print_ended(const JobProgress& job);

    Console& console_;
    bool service_;

private:
    ProgressBoard board_;
    std::map<JobId, std::string> activities_;
    std::set<std::string> said_;
};

/// A line on standard error for each change of activity, a line for each result. For pipes, files and dumb terminals.
std::unique_ptr<Renderer> make_plain_renderer(Console& console, bool service);
/// A line for each running job that is drawn anew, with a bar; results stay above them. For terminals.
std::unique_ptr<Renderer> make_tty_renderer(Console& console, bool service);
/// Failures only.
std::unique_ptr<Renderer> make_quiet_renderer(Console& console, bool service);
/// One JSON object on standard output at the end: results_json.
std::unique_ptr<Renderer> make_json_renderer(Console& console, bool service);

/// The one that fits: JSON if asked for, else quiet, else by what standard error is.
std::unique_ptr<Renderer> make_renderer(Console& console, bool service, bool json, bool quiet);

} // namespace dkms
