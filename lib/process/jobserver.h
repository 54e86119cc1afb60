// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/cancel.h"
#include "lib/process/descriptor.h"

#include <string>
#include <utility>
#include <vector>

namespace dkms {

/// The jobserver of GNU make (info make, "POSIX Jobserver Interaction"): a pipe with one byte for every job that may
/// run. All builds of one dkmsd share it, so that side by side they never start more compilers than there are
/// processors.
class Jobserver {
public:
    /// A pipe with `slots` tokens, at least one. Throws Error SystemFailed.
    static Jobserver create(unsigned slots);
    /// The one that a parent passed on as two descriptors.
    static Jobserver inherited(int read, int write);

    int read_end() const { return pipe_.read.number(); }
    int write_end() const { return pipe_.write.number(); }

    /// What to put into MAKEFLAGS when make gets the pipe as these descriptor numbers: " -j --jobserver-auth=R,W".
    static std::string makeflags(int read, int write);

    /// A recipe has the pipe, too, and may put in what it never took. Of the one that was created here, more tokens
    /// than there are slots are taken out. Never waits.
    void take_out_surplus() const;

    /// A token held for one job that make does not count: its own implicit one, or that of a command which knows
    /// nothing of the jobserver. Given back when the object ends.
    class Token {
    public:
        Token(Token&& other) noexcept : write_(std::exchange(other.write_, -1)), byte_(other.byte_) {}
        Token& operator=(Token&&) = delete;
        Token(const Token&) = delete;
        ~Token();

    private:
        friend class Jobserver;
        Token(int write, char byte) : write_(write), byte_(byte) {}
        int write_;
        char byte_;
    };
    /// Waits for a token. Throws Error Cancelled.
    Token take(Cancellation& cancellation) const;

    /// Up to `most` tokens, as many as are free now. Never waits, so those who hold tokens already may call it: who
    /// waits for a second token while holding the first could wait for ever. Without /proc nothing can be taken so.
    std::vector<Token> take_free(std::size_t most) const;

private:
    explicit Jobserver(Pipe pipe, unsigned slots = 0);
    Pipe pipe_;
    unsigned slots_;       ///< 0: inherited
    Descriptor unblocked_; ///< the read end opened once more: make must find its own in blocking mode
};

} // namespace dkms
