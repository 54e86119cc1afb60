// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "client/transport.h"

#include <chrono>
#include <optional>

#include <sys/types.h>

namespace dkms {

/// Reads a job's events, a file that grows, and hands on each once, also when the file was opened anew meanwhile.
class EventReader {
public:
    EventReader(JobId job, Transport::EventSink sink) : job_(job), sink_(std::move(sink)) {}

    /// The same file, opened anew.
    void attach(Descriptor file) { file_ = std::move(file); }
    /// Hands on what has been added. Returns the job's view when its end was among that.
    std::optional<JobView> read();
    /// The same for a job of which nothing more will come. Where its end is not told (it could not be written), it is
    /// handed on as `view` has it.
    JobView read_end(const JobView& view);

private:
    JobId job_;
    Transport::EventSink sink_;
    Descriptor file_;
    off_t position_ = 0;
    LineBuffer lines_{longest_line};
    static constexpr std::size_t longest_line = 1024 * 1024;
};

/// Waits until `descriptor` (-1: none) is readable. False when the time is over before.
bool wait_readable(int descriptor, std::chrono::milliseconds limit);

} // namespace dkms
