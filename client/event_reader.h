// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/transport.h"

#include <chrono>
#include <optional>

#include <sys/types.h>

namespace dkms {

/// Reads a job's events, a file that grows, and hands on each once, also when the file was reopened meanwhile. An
/// end is held back until it is certain: a job that was taken up again has an end of its former life in the middle.
class EventReader {
public:
    EventReader(JobId job, Transport::EventSink sink) : job_(job), sink_(std::move(sink)) {}

    /// The same file, reopened.
    void attach(Descriptor file) { file_ = std::move(file); }
    /// Hands on what has been added, but for the job's end. Whether that was the last thing that was told of the job.
    bool read();
    /// It runs again, so the end that was told is none.
    void forget_end() { end_.reset(); }
    /// The rest, of a job that has ended as `view` says. Returns that.
    JobView read_end(const JobView& view);

private:
    void take(Event event);

    JobId job_;
    Transport::EventSink sink_;
    Descriptor file_;
    off_t position_ = 0;
    LineBuffer lines_{longest_line};
    std::optional<Event> end_;
    static constexpr std::size_t longest_line = 1024 * 1024;
};

/// Waits until `descriptor` (-1: none) is readable. False when the time is over before.
bool wait_readable(int descriptor, std::chrono::milliseconds limit);

} // namespace dkms
