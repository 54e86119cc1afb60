// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/event_reader.h"

#include "lib/model/error.h"
#include "lib/process/refusal.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>

#include <poll.h>
#include <unistd.h>

namespace dkms {

bool EventReader::read()
{
    std::array<char, 64 * 1024> buffer;
    while (true) {
        const ssize_t size = ::pread(file_.number(), buffer.data(), buffer.size(), position_);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) refuse_read("the events of the job", errno);
        if (size == 0) return end_.has_value();
        position_ += size;
        lines_.add({buffer.data(), static_cast<std::size_t>(size)});
        for (std::string line; lines_.next(line);) {
            const nlohmann::json value = nlohmann::json::parse(line, nullptr, false);
            if (value.is_object())
                take(event_from_json(value)); // else incomplete: the disk was full, the machine stopped
        }
    }
}

void EventReader::take(Event event)
{
    const bool is_ours = event.job == job_;
    if (is_ours && event.kind == EventKind::job_new) end_.reset();
    if (is_ours && event.kind == EventKind::job_ended)
        end_ = std::move(event);
    else
        sink_(event);
}

JobView EventReader::read_end(const JobView& view)
{
    read();
    Event end(EventKind::job_ended, {{"view", to_json(view)}});
    end.job = job_;
    if (end_) end.at = end_->at;
    sink_(end);
    return view;
}

bool wait_readable(int descriptor, std::chrono::milliseconds limit)
{
    pollfd wanted{descriptor, POLLIN, 0};
    return ::poll(&wanted, 1, static_cast<int>(limit.count())) > 0;
}

} // namespace dkms
