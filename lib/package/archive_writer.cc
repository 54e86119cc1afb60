// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/archive_writer.h"

#include "lib/files/walk.h"
#include "lib/model/error.h"
#include "lib/package/archive_compression.h"
#include "lib/package/utf8_locale.h"
#include "lib/process/refusal.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

namespace dkms {
namespace {

using Entry = std::unique_ptr<archive_entry, decltype(&archive_entry_free)>;

struct Output {
    int descriptor;
    bool given_up = false; ///< nothing more is written
};

la_ssize_t write_block(archive* writer, void* data, const void* block, std::size_t count)
{
    const auto& output = *static_cast<const Output*>(data);
    if (output.given_up) return static_cast<la_ssize_t>(count);
    for (;;) {
        const ssize_t written = ::write(output.descriptor, block, count);
        if (written >= 0) return written;
        if (errno == EINTR) continue;
        archive_set_error(writer, errno, "%s", errno_text(errno).c_str());
        return -1;
    }
}

[[noreturn]] void refuse_source(const std::string& path, const std::string& reason)
{
    throw Error(ErrorCode::source_unreadable, {{"module", path}, {"path", path}, {"reason", reason}});
}

} // namespace

class ArchiveWriter::Implementation {
public:
    Implementation(int descriptor, std::string name, std::time_t modified, ArchiveFormat format)
        : output_{descriptor}, name_(std::move(name)), modified_(modified),
          prefix_(format == ArchiveFormat::gnu_tar ? "./" : ""), writer_(archive_write_new(), archive_write_free)
    {
        archive* writer = writer_.get();
        check(set_format(writer, format));
        check(set_compression(writer, name_));
        archive_write_set_bytes_in_last_block(writer, 1); // no padding behind what is compressed
        check(archive_write_open(writer, &output_, nullptr, write_block, nullptr));
    }

    ~Implementation()
    {
        output_.given_up = !closed_; // libarchive closes what it frees: it would look whole
    }
    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;

    void header(const std::string& path, unsigned kind, unsigned mode, std::int64_t size = 0,
                const std::string& target = {})
    {
        const Entry entry(archive_entry_new(), archive_entry_free);
        archive_entry_set_pathname(entry.get(), (prefix_ + path).c_str());
        archive_entry_set_filetype(entry.get(), kind);
        archive_entry_set_perm(entry.get(), mode);
        archive_entry_set_size(entry.get(), size);
        archive_entry_set_mtime(entry.get(), modified_, 0);
        archive_entry_set_uname(entry.get(), "root");
        archive_entry_set_gname(entry.get(), "root");
        if (kind == AE_IFLNK) archive_entry_set_symlink(entry.get(), target.c_str());
        check(archive_write_header(writer_.get(), entry.get()));
    }

    void data(const char* bytes, std::size_t count)
    {
        if (archive_write_data(writer_.get(), bytes, count) < 0) fail();
    }

    void close()
    {
        check(archive_write_close(writer_.get()));
        closed_ = true;
    }

private:
    static int set_format(archive* writer, ArchiveFormat format)
    {
        if (format == ArchiveFormat::ustar) return archive_write_set_format_ustar(writer);
        if (format == ArchiveFormat::newc) return archive_write_set_format_cpio_newc(writer);
        return archive_write_set_format_gnutar(writer);
    }

    void check(int result)
    {
        if (result < ARCHIVE_WARN) fail();
    }

    [[noreturn]] void fail()
    {
        const int number = archive_errno(writer_.get());
        const char* reason = archive_error_string(writer_.get());
        if (number == ENOSPC || number == EDQUOT) refuse_change(name_, number);
        throw Error(ErrorCode::archive_not_writable,
                    {{"path", name_}, {"reason", reason != nullptr ? reason : "it cannot be compressed that way"}});
    }

    Output output_;
    std::string name_;
    std::time_t modified_;
    const char* prefix_;
    bool closed_ = false;
    Utf8Locale names_;
    std::unique_ptr<archive, decltype(&archive_write_free)> writer_;
};

ArchiveWriter::ArchiveWriter(int descriptor, const std::string& name, std::time_t modified, ArchiveFormat format)
    : self_(std::make_unique<Implementation>(descriptor, name, modified, format))
{
}

ArchiveWriter::~ArchiveWriter() = default;

void ArchiveWriter::directory(const std::string& path) { self_->header(path, AE_IFDIR, 0755); }

void ArchiveWriter::text(const std::string& path, const std::string& content)
{
    self_->header(path, AE_IFREG, 0644, static_cast<std::int64_t>(content.size()));
    self_->data(content.data(), content.size());
}

void ArchiveWriter::link(const std::string& path, const std::string& target)
{
    self_->header(path, AE_IFLNK, 0777, 0, target);
}

void ArchiveWriter::file(const std::string& path, const Descriptor& content)
{
    struct stat facts {};
    if (::fstat(content.number(), &facts) < 0) refuse_source(path, errno_text(errno));
    self_->header(path, AE_IFREG, (facts.st_mode & 0111) != 0 ? 0755 : 0644, facts.st_size);
    std::vector<char> block(256 * 1024);
    for (off_t at = 0; at < facts.st_size;) {
        const auto wanted = std::min<off_t>(facts.st_size - at, static_cast<off_t>(block.size()));
        const ssize_t got = ::pread(content.number(), block.data(), static_cast<std::size_t>(wanted), at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) refuse_source(path, got < 0 ? errno_text(errno) : "it changes while it is read");
        self_->data(block.data(), static_cast<std::size_t>(got));
        at += got;
    }
}

void ArchiveWriter::tree(const std::string& path, const Descriptor& directory, Cancellation& cancellation,
                         std::string_view left_out)
{
    if (!path.empty()) this->directory(path);
    walk(directory.number(), [&](const Found& found) {
        cancellation.check();
        if (found.path == left_out) return;
        const std::string inner = path.empty() ? found.path : path + "/" + found.path;
        if (S_ISDIR(found.facts.st_mode)) this->directory(inner);
        if (S_ISLNK(found.facts.st_mode)) link(inner, found.link_text());
        if (!S_ISREG(found.facts.st_mode)) return;
        const Descriptor opened = found.open_file();
        if (!opened) refuse_source(found.path, errno_text(errno));
        file(inner, opened);
    });
}

void ArchiveWriter::close() { self_->close(); }

void write_compressed(int descriptor, const std::string& name, std::string_view content)
{
    const std::unique_ptr<archive, decltype(&archive_write_free)> writer(archive_write_new(), archive_write_free);
    const Entry entry(archive_entry_new(), archive_entry_free);
    Output output{descriptor};
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_write_set_format_raw(writer.get());
    archive_write_set_bytes_in_last_block(writer.get(), 1);
    if (set_compression(writer.get(), name) != ARCHIVE_OK ||
        (name.ends_with(".gz") &&
         archive_write_set_filter_option(writer.get(), "gzip", "compression-level", "9") != ARCHIVE_OK) ||
        archive_write_open(writer.get(), &output, nullptr, write_block, nullptr) != ARCHIVE_OK ||
        archive_write_header(writer.get(), entry.get()) != ARCHIVE_OK ||
        archive_write_data(writer.get(), content.data(), content.size()) < 0 ||
        archive_write_close(writer.get()) != ARCHIVE_OK) {
        const int number = archive_errno(writer.get());
        if (number == ENOSPC || number == EDQUOT) refuse_change(name, number);
        throw Error(ErrorCode::archive_not_writable,
                    {{"path", name}, {"reason", errno_text(number)}, {"errno", std::to_string(number)}});
    }
}

std::time_t newest_file_below(const Descriptor& directory, std::string_view left_out)
{
    std::time_t newest = 0;
    walk(directory.number(), [&](const Found& found) {
        if (S_ISREG(found.facts.st_mode) && found.path != left_out) newest = std::max(newest, found.facts.st_mtime);
    });
    return newest;
}

} // namespace dkms
