// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/archive_reader.h"

#include "lib/model/error.h"
#include "lib/package/inner_path.h"
#include "lib/package/utf8_locale.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;

/// The archive's bytes. Its own position, not that of the descriptor, which is shared with others.
struct Input {
    int descriptor;
    off_t position = 0;
    std::vector<char> block = std::vector<char>(256 * 1024);
};

la_ssize_t read_block(archive* reader, void* data, const void** block)
{
    auto& input = *static_cast<Input*>(data);
    const ssize_t got = ::pread(input.descriptor, input.block.data(), input.block.size(), input.position);
    if (got < 0) archive_set_error(reader, errno, "%s", errno_text(errno).c_str());
    input.position += std::max<ssize_t>(got, 0);
    *block = input.block.data();
    return got;
}

class Unpacker {
public:
    Unpacker(int descriptor, std::string name, StagedTree& into, const ArchiveLimits& limits,
             Cancellation* cancellation)
        : input_{descriptor}, name_(std::move(name)), into_(into), limits_(limits), cancellation_(cancellation),
          free_bytes_(into.free_bytes()), reader_(archive_read_new(), archive_read_free)
    {
    }

    void open();
    void everything();

private:
    [[noreturn]] void refuse(const std::string& reason) const
    {
        throw Error(ErrorCode::archive_refused, {{"file", name_}, {"reason", reason}});
    }
    [[noreturn]] void unreadable() const;
    std::string path_of(const char* text) const;
    bool next(archive_entry*& entry);
    void check_growth() const;
    void one(archive_entry* entry);
    void by_kind(archive_entry* entry, const std::string& path);
    void link(archive_entry* entry, const std::string& path);
    void file(archive_entry* entry, const std::string& path);
    std::uint64_t content(const Descriptor& file, const std::string& path);
    void grow(std::uint64_t bytes);

    Input input_;
    std::string name_;
    StagedTree& into_;
    const ArchiveLimits& limits_;
    Cancellation* cancellation_;
    std::uint64_t free_bytes_;
    std::uint64_t entries_ = 0;
    std::uint64_t bytes_ = 0;
    Reader reader_;
};

void Unpacker::unreadable() const
{
    const char* reason = archive_error_string(reader_.get());
    throw Error(ErrorCode::archive_unreadable,
                {{"file", name_}, {"reason", shown_name(reason != nullptr ? reason : "it is damaged")}});
}

void Unpacker::open()
{
    archive* reader = reader_.get();
    // One by one: libarchive knows more, but who mails kernel modules uuencoded?
    for (const auto support :
         {archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
          archive_read_support_filter_zstd, archive_read_support_filter_lzma, archive_read_support_filter_lzip,
          archive_read_support_filter_lz4, archive_read_support_filter_lzop, archive_read_support_filter_compress})
        support(reader);
    archive_read_support_format_tar(reader);
    archive_read_set_callback_data(reader, &input_);
    archive_read_set_read_callback(reader, read_block);
    if (archive_read_open1(reader) < ARCHIVE_WARN) unreadable();
}

bool Unpacker::next(archive_entry*& entry)
{
    if (cancellation_ != nullptr) cancellation_->check();
    const int result = archive_read_next_header(reader_.get(), &entry);
    if (result == ARCHIVE_EOF) return false;
    if (result < ARCHIVE_WARN) unreadable();
    return true;
}

void Unpacker::everything()
{
    for (archive_entry* entry = nullptr; next(entry);) one(entry);
}

std::string Unpacker::path_of(const char* text) const
{
    InnerPath path = inner_path(text != nullptr ? text : "");
    if (!path.fault.empty()) refuse(path.fault);
    return std::move(path.path);
}

void Unpacker::one(archive_entry* entry)
{
    // A name makes the directories on the way to it as well.
    if (++entries_ + into_.directories_made() > limits_.entries)
        refuse("it has more than " + std::to_string(limits_.entries) + " entries");
    if (archive_filter_count(reader_.get()) > 2) refuse("it is compressed more than once"); // one of them is the file
    check_growth();
    const std::string path = path_of(archive_entry_pathname(entry));
    try {
        by_kind(entry, path);
    } catch (const StagedTree::Conflict& conflict) {
        refuse("'" + shown_name(conflict.what()) + "' is in the way of another entry");
    }
}

void Unpacker::by_kind(archive_entry* entry, const std::string& path)
{
    if (const char* existing = archive_entry_hardlink(entry)) {
        if (path.empty()) refuse("its root is a link");
        into_.make_hard_link(path, path_of(existing));
        return;
    }
    const auto kind = archive_entry_filetype(entry);
    if (kind == AE_IFDIR) return into_.make_directory(path);
    if (path.empty()) refuse("its root is not a directory");
    if (kind == AE_IFREG)
        file(entry, path);
    else if (kind == AE_IFLNK)
        link(entry, path);
    else
        refuse("'" + shown_name(path) + "' is neither a file nor a directory nor a link");
}

void Unpacker::link(archive_entry* entry, const std::string& path)
{
    const char* text = archive_entry_symlink(entry);
    const std::string target = text != nullptr ? text : "";
    if (!link_stays(depth_of(path), target))
        refuse("the link '" + shown_name(path) + "' leaves it, to '" + shown_name(target) + "'");
    if (const std::string fault = text_fault(target); !fault.empty()) refuse(fault);
    into_.make_link(path, target);
}

void Unpacker::file(archive_entry* entry, const std::string& path)
{
    const auto mode = archive_entry_mode(entry);
    if ((mode & (S_ISUID | S_ISGID)) != 0) refuse("'" + shown_name(path) + "' is setuid or setgid");
    const auto size = static_cast<std::uint64_t>(std::max<la_int64_t>(archive_entry_size(entry), 0));
    if (size > limits_.bytes) refuse("'" + shown_name(path) + "' would be larger than everything may be");
    const Descriptor opened = into_.make_file(path);
    const std::uint64_t written = content(opened, path);
    if (size > written) { // a hole at its end
        grow(size - written);
        into_.extend(opened, path, size);
    }
    into_.finish_file(opened, path, mode, {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)});
}

/// Returns where the last byte ends.
std::uint64_t Unpacker::content(const Descriptor& file, const std::string& path)
{
    std::uint64_t end = 0;
    for (;;) {
        const void* block = nullptr;
        std::size_t count = 0;
        la_int64_t at = 0;
        const int result = archive_read_data_block(reader_.get(), &block, &count, &at);
        if (result == ARCHIVE_EOF) return end;
        if (result < ARCHIVE_WARN) unreadable();
        if (cancellation_ != nullptr) cancellation_->check();
        if (at < 0 || static_cast<std::uint64_t>(at) > limits_.bytes) refuse("'" + shown_name(path) + "' is too large");
        const std::uint64_t block_end = static_cast<std::uint64_t>(at) + count;
        if (block_end > end) grow(block_end - end);
        into_.write(file, path, {static_cast<const char*>(block), count}, at);
        end = std::max(end, block_end);
    }
}

void Unpacker::grow(std::uint64_t bytes)
{
    bytes_ += bytes;
    if (bytes_ > free_bytes_) throw Error(ErrorCode::disk_full, {{"path", name_}});
    check_growth();
}

/// Also bytes that end up nowhere count: headers, and the content of entries that have none.
void Unpacker::check_growth() const
{
    const auto decompressed = std::max<la_int64_t>(archive_filter_bytes(reader_.get(), 0), 0);
    const auto unpacked = std::max(bytes_, static_cast<std::uint64_t>(decompressed));
    if (unpacked > limits_.bytes) refuse("it would unpack to more than " + std::to_string(limits_.bytes) + " bytes");
    if (unpacked < limits_.ratio_from) return;
    if (unpacked / std::max<std::uint64_t>(static_cast<std::uint64_t>(input_.position), 1) > limits_.ratio)
        refuse("it unpacks to more than " + std::to_string(limits_.ratio) + " times its size");
}

} // namespace

void unpack(int descriptor, const std::string& name, StagedTree& into, const ArchiveLimits& limits,
            Cancellation* cancellation)
{
    const Utf8Locale names;
    Unpacker unpacker(descriptor, name, into, limits, cancellation);
    unpacker.open();
    unpacker.everything();
}

} // namespace dkms
