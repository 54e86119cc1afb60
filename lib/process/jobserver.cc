// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/jobserver.h"

#include "lib/model/error.h"
#include "lib/process/open_path.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace dkms {

Jobserver::Jobserver(Pipe pipe, unsigned slots) : pipe_(std::move(pipe)), slots_(slots)
{
    unblocked_ = Descriptor(::open(path_of_open(read_end()).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

Jobserver Jobserver::create(unsigned slots)
{
    Pipe pipe = make_pipe();
    slots = std::max(slots, 1U);
    write_all(pipe.write.number(), std::string(slots, '+'));
    return Jobserver(std::move(pipe), slots);
}

Jobserver Jobserver::inherited(int read, int write) { return Jobserver(Pipe{Descriptor(read), Descriptor(write)}); }

std::string Jobserver::makeflags(int read, int write)
{
    return " -j --jobserver-auth=" + std::to_string(read) + "," + std::to_string(write);
}

void Jobserver::take_out_surplus() const
{
    std::array<char, 4096> block;
    for (int there = 0; slots_ != 0 && unblocked_ && ::ioctl(read_end(), FIONREAD, &there) == 0;) {
        if (there <= static_cast<int>(slots_)) return;
        const auto surplus = static_cast<std::size_t>(there) - slots_;
        if (::read(unblocked_.number(), block.data(), std::min(surplus, block.size())) <= 0) return;
    }
}

Jobserver::Token::~Token()
{
    if (write_ < 0) return;
    // A recipe has the pipe, too, and may have filled it: then nobody is short of tokens, and a write would wait for
    // ever.
    pollfd room{write_, POLLOUT, 0};
    if (::poll(&room, 1, 0) <= 0 || (room.revents & POLLOUT) == 0) return;
    while (::write(write_, &byte_, 1) < 0 && errno == EINTR) {
    }
}

Jobserver::Token Jobserver::take(Cancellation& cancellation) const
{
    for (;;) {
        std::array<pollfd, 3> sources{{{read_end(), POLLIN, 0},
                                       {cancellation.signal_descriptor(), POLLIN, 0},
                                       {cancellation.parent_descriptor(), POLLIN, 0}}};
        ::poll(sources.data(), sources.size(), -1);
        cancellation.check();
        // Another worker may be faster. Where the pipe could not be opened once more the read may then wait, and a
        // cancellation is noticed when a token comes, which is when any build ends a compiler.
        if ((sources[0].revents & (POLLIN | POLLHUP)) == 0) continue;
        char byte = 0;
        const ssize_t got = ::read(unblocked_ ? unblocked_.number() : read_end(), &byte, 1);
        if (got == 1) return Token(write_end(), byte);
        if (got == 0) throw Error(ErrorCode::internal, {{"reason", "the jobserver is gone"}});
    }
}

std::vector<Jobserver::Token> Jobserver::take_free(std::size_t most) const
{
    std::vector<Token> tokens;
    char byte = 0;
    while (unblocked_ && tokens.size() < most && ::read(unblocked_.number(), &byte, 1) == 1)
        tokens.push_back(Token(write_end(), byte));
    return tokens;
}

} // namespace dkms
