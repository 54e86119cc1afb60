// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/process/descriptor.h"

#include "lib/model/error.h"
#include "lib/process/open_path.h"
#include "lib/process/refusal.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

/// The number of the last failed call, or 0 when everything was written and synced.
int write_and_sync(int descriptor, std::string_view content)
{
    while (!content.empty()) {
        const ssize_t written = ::write(descriptor, content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(descriptor) < 0 ? errno : 0;
}

std::string content_of(const Descriptor& file, const std::filesystem::path& path, std::size_t limit)
{
    struct stat facts {};
    if (::fstat(file.number(), &facts) < 0) refuse_read(path, errno);
    if (!S_ISREG(facts.st_mode))
        throw Error(ErrorCode::read_failed, {{"path", path.string()}, {"reason", "it is not a regular file"}});
    std::string content;
    std::array<char, 65536> block;
    for (;;) {
        const ssize_t got = ::read(file.number(), block.data(), block.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) refuse_read(path, errno);
        if (got == 0) return content;
        content.append(block.data(), static_cast<std::size_t>(got));
        if (content.size() > limit) refuse_read(path, EFBIG);
    }
}

} // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept
{
    if (this != &other) {
        close();
        number_ = other.release();
    }
    return *this;
}

Descriptor::~Descriptor() { close(); }

void Descriptor::close()
{
    if (number_ >= 0) ::close(std::exchange(number_, -1));
}

void keep_standard_descriptors()
{
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(number, F_GETFD) < 0 && errno == EBADF) ::open("/dev/null", O_RDWR); // takes the lowest number
}

Pipe make_pipe()
{
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) refuse_call("pipe", errno);
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

bool LineBuffer::next(std::string& line)
{
    const auto end = pending_.find('\n');
    if (end == std::string::npos && pending_.size() <= longest_) return false;
    if (end == std::string::npos || end > longest_)
        throw Error(ErrorCode::internal, {{"reason", "a line is longer than " + std::to_string(longest_) + " bytes"}});
    line = pending_.substr(0, end);
    pending_.erase(0, end + 1);
    return true;
}

void write_all(int descriptor, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        const int number = written < 0 ? errno : 0;
        if (number == ENOSPC || number == EDQUOT) refuse_change(name_of_open(descriptor), number);
        if (number != 0) refuse_call("write", number);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

void send_all(int socket, std::string_view bytes, int descriptor)
{
    while (!bytes.empty()) {
        iovec text{const_cast<char*>(bytes.data()), bytes.size()};
        msghdr message{};
        message.msg_iov = &text;
        message.msg_iovlen = 1;
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        if (descriptor >= 0) {
            message.msg_control = control.data();
            message.msg_controllen = control.size();
            cmsghdr* const header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int));
            std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
        }
        const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) refuse_call("sendmsg", errno);
        bytes.remove_prefix(static_cast<std::size_t>(sent));
        descriptor = -1;
    }
}

Received receive(int descriptor)
{
    Received received;
    std::array<char, 65536> block;
    iovec text{block.data(), block.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &text;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t got = ::recvmsg(descriptor, &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == ENOTSOCK) {
        message.msg_controllen = 0;
        got = ::read(descriptor, block.data(), block.size());
    }
    if (got < 0) {
        received.failed = errno;
        return received;
    }
    received.bytes.assign(block.data(), static_cast<std::size_t>(got));
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return received;
    int number = -1;
    std::memcpy(&number, CMSG_DATA(header), sizeof(int));
    received.beside = Descriptor(number);
    return received;
}

bool is_directory(int descriptor)
{
    struct stat facts {};
    return ::fstat(descriptor, &facts) == 0 && S_ISDIR(facts.st_mode);
}

std::optional<std::string> read_file_if_present(const std::filesystem::path& path, std::size_t limit)
{
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file && means_absent(errno)) return std::nullopt;
    if (!file) refuse_read(path, errno);
    return content_of(file, path, limit);
}

std::string read_file(const std::filesystem::path& path, std::size_t limit)
{
    auto content = read_file_if_present(path, limit);
    if (!content) refuse_read(path, ENOENT);
    return *std::move(content);
}

void write_file_durably(const std::filesystem::path& path, std::string_view content, unsigned mode)
{
    std::string temporary = (path.parent_path() / ("." + path.filename().string() + ".XXXXXX")).string();
    const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!file) refuse_change(path, errno);
    int number = write_and_sync(file.number(), content);
    if (number == 0 && ::fchmod(file.number(), mode) < 0) number = errno;
    if (number == 0 && ::rename(temporary.c_str(), path.c_str()) < 0) number = errno;
    if (number != 0) {
        ::unlink(temporary.c_str());
        refuse_change(path, number);
    }
    sync_directory(path.parent_path());
}

void sync_directory(const std::filesystem::path& directory)
{
    const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened || ::fsync(opened.number()) < 0) refuse_change(directory, errno);
}

} // namespace dkms
