// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

namespace dkms {

/// What processes of ours say to each other over a socket that keeps messages whole (SOCK_SEQPACKET): a text, and
/// descriptors beside it.
struct Message {
    std::string text;
    std::vector<Descriptor> descriptors;
    std::optional<ucred> sender; ///< as the kernel says, where ask_for_senders() was called
};

constexpr std::size_t longest_message = std::size_t{128} * 1024;
constexpr std::size_t most_descriptors = 16; ///< beside one message

/// Connects to the socket at `path`, without waiting for whoever is to accept. Throws Error SystemFailed (its parameter
/// "errno" says why).
Descriptor connect_to(const std::filesystem::path& path);

/// From now on messages that come to `socket` say who has sent them. Throws Error SystemFailed.
void ask_for_senders(int socket);

/// Throws Error SystemFailed: too long, the other side is gone, or it has not taken what was sent before; never waits
/// where the socket does not block, never SIGPIPE.
void send_message(int socket, std::string_view text, const std::vector<int>& descriptors = {});

/// The next message; nothing when the other side is gone. Of a socket that does not block it must be readable. A
/// message that is longer than may be, or has more descriptors, is as good as the end.
std::optional<Message> receive_message(int socket);

} // namespace dkms
