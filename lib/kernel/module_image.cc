// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/module_image.h"

#include "lib/model/error.h"

#include <algorithm>
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

constexpr off_t largest = off_t{1} << 30;
constexpr off_t end_size = 64;

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& reason)
{
    throw Error(ErrorCode::verify_failed, {{"file", file.string()}, {"reason", reason}});
}

struct Close {
    void operator()(archive* opened) const { ::archive_read_free(opened); }
};
using Reader = std::unique_ptr<archive, Close>;

/// Makes libarchive see `descriptor` as one file without a name, through whatever filters it is packed with.
Reader reader_of(int descriptor, const std::filesystem::path& file)
{
    Reader reader(::archive_read_new());
    ::archive_read_support_filter_all(reader.get());
    ::archive_read_support_format_raw(reader.get());
    archive_entry* entry = nullptr;
    if (::archive_read_open_fd(reader.get(), descriptor, 65536) != ARCHIVE_OK ||
        ::archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
        refuse(file, "it is not a kernel module");
    return reader;
}

void unpack(archive* reader, int memory, const std::filesystem::path& file)
{
    std::array<char, 65536> block;
    for (off_t total = 0;;) {
        const la_ssize_t got = ::archive_read_data(reader, block.data(), block.size());
        if (got == 0) return;
        if (got < 0) refuse(file, "it cannot be unpacked");
        total += got;
        if (total > largest) refuse(file, "it is too large");
        write_all(memory, {block.data(), static_cast<std::size_t>(got)});
    }
}

std::string bytes_at(int descriptor, off_t offset)
{
    std::array<char, end_size> bytes;
    const ssize_t got = ::pread(descriptor, bytes.data(), bytes.size(), offset);
    return got < 0 ? std::string() : std::string(bytes.data(), static_cast<std::size_t>(got));
}

off_t size_of(int descriptor)
{
    struct stat status {};
    return ::fstat(descriptor, &status) < 0 ? 0 : status.st_size;
}

} // namespace

ModuleImage ModuleImage::open(const std::filesystem::path& file)
{
    const Descriptor packed(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!packed) refuse(file, errno_text(errno));
    if (size_of(packed.number()) == 0) refuse(file, "it is empty");
    Descriptor memory(::memfd_create("module.ko", MFD_CLOEXEC));
    if (!memory) refuse(file, errno_text(errno));
    unpack(reader_of(packed.number(), file).get(), memory.number(), file);
    return ModuleImage(std::move(memory));
}

std::filesystem::path ModuleImage::path() const { return "/proc/self/fd/" + std::to_string(memory_.number()); }

std::string ModuleImage::head() const { return bytes_at(memory_.number(), 0); }

std::string ModuleImage::tail() const
{
    return bytes_at(memory_.number(), std::max<off_t>(0, size_of(memory_.number()) - end_size));
}

} // namespace dkms
