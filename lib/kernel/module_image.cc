// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/module_image.h"

#include "lib/model/error.h"
#include "lib/process/memory_file.h"
#include "lib/process/refusal.h"
#include "lib/process/unprivileged.h"

#include <array>
#include <cerrno>
#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {
namespace {

constexpr std::string_view gzip_magic = "\x1f\x8b";
constexpr std::string_view xz_magic{"\xfd"
                                    "7zXZ\0",
                                    6};
constexpr std::string_view zstd_magic = "\x28\xb5\x2f\xfd";

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& reason)
{
    throw Error(ErrorCode::verify_failed, {{"file", file.string()}, {"reason", reason}});
}

struct Close {
    void operator()(archive* opened) const { ::archive_read_free(opened); }
};
using Reader = std::unique_ptr<archive, Close>;

/// libarchive knows many kinds of compression, for some of which it starts programs; here it is told of one.
bool add_filter(archive* reader, Compression compression)
{
    switch (compression) {
    case Compression::gzip:
        return ::archive_read_support_filter_gzip(reader) == ARCHIVE_OK;
    case Compression::xz:
        return ::archive_read_support_filter_xz(reader) == ARCHIVE_OK;
    case Compression::zstd:
        return ::archive_read_support_filter_zstd(reader) == ARCHIVE_OK;
    case Compression::none:
        break;
    }
    return true;
}

/// Whatever the file holds, what the disk says of it comes first.
[[noreturn]] void refuse_content(archive* reader, const std::filesystem::path& file)
{
    if (!errno_remedy(::archive_errno(reader)).empty()) refuse_read(file, ::archive_errno(reader));
    refuse(file, "it cannot be uncompressed");
}

/// Makes libarchive see `descriptor` as one file without a name.
Reader reader_of(int descriptor, Compression compression, const std::filesystem::path& file)
{
    Reader reader(::archive_read_new());
    if (!add_filter(reader.get(), compression)) refuse(file, "its compression is not supported");
    ::archive_read_support_format_raw(reader.get());
    archive_entry* entry = nullptr;
    if (::archive_read_open_fd(reader.get(), descriptor, 65536) != ARCHIVE_OK ||
        ::archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
        refuse_content(reader.get(), file);
    const int filters = compression == Compression::none ? 1 : 2; // the file itself is one
    if (::archive_filter_count(reader.get()) != filters) refuse(file, "it is compressed more than once");
    return reader;
}

std::string head_of(int descriptor, const std::filesystem::path& file)
{
    std::array<char, 16> bytes;
    const ssize_t got = ::pread(descriptor, bytes.data(), bytes.size(), 0);
    if (got < 0) refuse_read(file, errno);
    return std::string(bytes.data(), static_cast<std::size_t>(got));
}

Descriptor checked(Descriptor opened, int failure, const std::filesystem::path& file)
{
    if (!opened && !means_absent(failure) && failure != ELOOP && failure != EACCES) refuse_read(file, failure);
    if (!opened) refuse(file, failure == ELOOP ? "it is a symbolic link" : errno_text(failure));
    struct stat facts {};
    if (::fstat(opened.number(), &facts) < 0) refuse_read(file, errno);
    if (!S_ISREG(facts.st_mode)) refuse(file, "it is not a regular file");
    if (facts.st_size == 0) refuse(file, "it is empty");
    if (static_cast<std::uintmax_t>(facts.st_size) > largest_module) refuse(file, "it is too large");
    return opened;
}

constexpr int how = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

} // namespace

Compression compression_of_content(std::string_view head)
{
    if (head.starts_with(gzip_magic)) return Compression::gzip;
    if (head.starts_with(xz_magic)) return Compression::xz;
    if (head.starts_with(zstd_magic)) return Compression::zstd;
    return Compression::none;
}

Descriptor open_module(const std::filesystem::path& file)
{
    Descriptor opened(::open(file.c_str(), how));
    const int failure = errno;
    return checked(std::move(opened), failure, file);
}

Descriptor open_module_at(int directory, const std::string& name)
{
    Descriptor opened(::openat(directory, name.c_str(), how | O_NOFOLLOW));
    const int failure = errno;
    return checked(std::move(opened), failure, name);
}

void unpack_module(int packed, int memory, const std::filesystem::path& name, std::uintmax_t limit)
{
    if (::lseek(packed, 0, SEEK_SET) < 0) refuse_read(name, errno);
    const Reader reader = reader_of(packed, compression_of_content(head_of(packed, name)), name);
    std::array<char, 65536> block;
    for (std::uintmax_t total = 0;;) {
        const la_ssize_t got = ::archive_read_data(reader.get(), block.data(), block.size());
        if (got == 0) return;
        if (got < 0) refuse_content(reader.get(), name);
        total += static_cast<std::uintmax_t>(got);
        if (total > limit) refuse(name, "it is too large when uncompressed");
        write_all(memory, {block.data(), static_cast<std::size_t>(got)});
    }
}

ModuleImage ModuleImage::open(const std::filesystem::path& file) { return of(open_module(file).number(), file); }

ModuleImage ModuleImage::of(int packed, const std::filesystem::path& name)
{
    Descriptor memory = memory_file({});
    run_unprivileged({packed, memory.number()}, [&] {
        unpack_module(packed, memory.number(), name);
        return std::string();
    });
    return ModuleImage(std::move(memory));
}

std::string ModuleImage::content() const { return content_of(memory_, largest_module); }

} // namespace dkms
