// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/log_tail.h"

#include "client/text.h"
#include "lib/process/refusal.h"

#include <array>
#include <cerrno>
#include <utility>

#include <unistd.h>

namespace dkms {
namespace {

constexpr std::size_t longest_line = std::size_t{1} << 20;

} // namespace

LogTail::LogTail(Descriptor log, std::string heading, Console& console)
    : log_(std::move(log)), heading_(std::move(heading)), console_(console)
{
}

void LogTail::print(std::string_view text)
{
    if (text.empty()) return;
    if (!heading_.empty()) console_.err(std::exchange(heading_, {}) + "\n");
    console_.out(harmless(text));
}

void LogTail::print_lines()
{
    const auto end = pending_.size() > longest_line ? pending_.size() : pending_.rfind('\n') + 1;
    print(std::string_view(pending_).substr(0, end));
    pending_.erase(0, end);
}

void LogTail::read()
{
    std::array<char, 64 * 1024> buffer{};
    while (true) {
        const ssize_t size = ::read(log_.number(), buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) refuse_read("the log of the job", errno);
        if (size == 0) return;
        is_read_ = true;
        pending_.append(buffer.data(), static_cast<std::size_t>(size));
        print_lines();
    }
}

void LogTail::finish()
{
    read();
    print(pending_);
    pending_.clear();
}

} // namespace dkms
