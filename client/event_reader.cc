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

std::optional<JobView> EventReader::read()
{
    std::optional<JobView> ended;
    std::array<char, 64 * 1024> buffer;
    while (!ended) {
        const ssize_t size = ::pread(file_.number(), buffer.data(), buffer.size(), position_);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) refuse_read("the events of the job", errno);
        if (size == 0) break;
        position_ += size;
        lines_.add({buffer.data(), static_cast<std::size_t>(size)});
        for (std::string line; !ended && lines_.next(line);) {
            const nlohmann::json value = nlohmann::json::parse(line, nullptr, false);
            if (!value.is_object()) continue; // cut off when the disk was full or the machine stopped
            const Event event = event_from_json(value);
            sink_(event);
            if (event.kind == EventKind::job_ended && event.job == job_)
                ended = job_view_from_json(event.facts.at("view"));
        }
    }
    return ended;
}

JobView EventReader::read_end(const JobView& view)
{
    if (const auto ended = read()) return *ended;
    Event end(EventKind::job_ended, {{"view", to_json(view)}});
    end.job = job_;
    sink_(end);
    return view;
}

bool wait_readable(int descriptor, std::chrono::milliseconds limit)
{
    pollfd wanted{descriptor, POLLIN, 0};
    return ::poll(&wanted, 1, static_cast<int>(limit.count())) > 0;
}

} // namespace dkms
