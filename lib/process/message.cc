// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/message.h"

#include "lib/model/error.h"
#include "lib/process/refusal.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

namespace dkms {
namespace {

constexpr std::size_t control_size = CMSG_SPACE(most_descriptors * sizeof(int)) + CMSG_SPACE(sizeof(ucred));

std::optional<ucred> sender_of(msghdr& message)
{
    ucred sender{};
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS) continue;
        std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
        return sender;
    }
    return std::nullopt;
}

std::vector<Descriptor> descriptors_beside(msghdr& message)
{
    std::vector<Descriptor> result;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            result.emplace_back(number);
        }
    }
    return result;
}

} // namespace

Descriptor connect_to(const std::filesystem::path& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string text = path.string();
    if (text.size() >= sizeof address.sun_path) refuse_call(text, ENAMETOOLONG);
    std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
    Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) refuse_call("socket", errno);
    if (::connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        refuse_call(text, errno);
    return socket;
}

void ask_for_senders(int socket)
{
    const int yes = 1;
    if (::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) < 0) refuse_call("SO_PASSCRED", errno);
}

void send_message(int socket, std::string_view text, const std::vector<int>& descriptors)
{
    if (text.size() > longest_message || descriptors.size() > most_descriptors) refuse_call("sendmsg", EMSGSIZE);
    iovec bytes{const_cast<char*>(text.data()), text.size()};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, control_size> control{};
    if (!descriptors.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
        std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
    }
    ssize_t sent = 0;
    do sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) refuse_call("sendmsg", errno);
}

std::optional<Message> receive_message(int socket)
{
    std::string text(longest_message, '\0');
    iovec bytes{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, control_size> control{};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t got = 0;
    do got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0) return std::nullopt;
    Message received{{}, descriptors_beside(message), sender_of(message)};
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return std::nullopt;
    text.resize(static_cast<std::size_t>(got));
    received.text = std::move(text);
    return received;
}

} // namespace dkms
