// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dkms {

/// Owns a file descriptor. Every descriptor made here is close-on-exec.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor();

    int number() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }
    void close();
    int release() { return std::exchange(number_, -1); }

private:
    int number_ = -1;
};

/// Opens /dev/null where standard input, output or error is closed, so that no file of ours gets their numbers. To be
/// called before anything is opened.
void keep_standard_descriptors();

/// Both ends of a pipe.
struct Pipe {
    Descriptor read;
    Descriptor write;
};
/// Throws Error SystemFailed.
Pipe make_pipe();

/// Takes whole lines out of what arrives on a descriptor.
class LineBuffer {
public:
    explicit LineBuffer(std::size_t longest = 64 * 1024) : longest_(longest) {}

    /// Adds what one read(2) returned.
    void add(std::string_view bytes) { pending_.append(bytes); }
    /// The next line without its newline. Throws Error Internal when a line is longer than allowed.
    bool next(std::string& line);

private:
    std::size_t longest_;
    std::string pending_;
};

/// Writes everything, going on after short writes and EINTR. Throws Error DiskFull, SystemFailed (with EPIPE: the
/// reader is gone).
void write_all(int descriptor, std::string_view bytes);

/// Writes everything to a socket (AF_UNIX), `descriptor` (-1: none) beside its first byte. Throws Error SystemFailed
/// (with EPIPE: the reader is gone); never SIGPIPE.
void send_all(int socket, std::string_view bytes, int descriptor = -1);

/// What one recvmsg(2) brought: bytes, none at the end, and a descriptor that lay beside them. Where `descriptor` is no
/// socket, what one read(2) brings. `failed` is its errno.
struct Received {
    std::string bytes;
    Descriptor beside;
    int failed = 0;
};
Received receive(int descriptor);

/// Whether what is open is a directory.
bool is_directory(int descriptor);

/// Reads a whole regular file, whatever the caller of this program could put in its place: nothing blocks. Throws Error
/// ReadFailed when it does not exist, is something else, cannot be read, or is longer than `limit` bytes.
std::string read_file(const std::filesystem::path& path, std::size_t limit = 16 * 1024 * 1024);

/// The same; nothing when there is no such file (means_absent() in refusal.h).
std::optional<std::string> read_file_if_present(const std::filesystem::path& path,
                                                std::size_t limit = 16 * 1024 * 1024);

/// Writes `content` to a dot-named temporary beside `path`, syncs it, and renames it into place. Throws Error
/// TreeNotWritable or DiskFull.
void write_file_durably(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);

/// Syncs a directory, so that a rename in it lasts. Throws Error TreeNotWritable or DiskFull.
void sync_directory(const std::filesystem::path& directory);

} // namespace dkms
