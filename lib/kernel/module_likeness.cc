// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/kernel/module_likeness.h"

#include "lib/kernel/module_image.h"
#include "lib/model/error.h"
#include "lib/process/refusal.h"
#include "lib/process/unprivileged.h"

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <elf.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace dkms {
namespace {

/// The bytes of an open file for as long as this lives.
class Mapped {
public:
    explicit Mapped(int descriptor)
    {
        struct stat facts {};
        if (::fstat(descriptor, &facts) != 0 || facts.st_size == 0) return;
        size_ = static_cast<std::size_t>(facts.st_size);
        bytes_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    }
    Mapped(const Mapped&) = delete;
    Mapped& operator=(const Mapped&) = delete;
    ~Mapped()
    {
        if (bytes_ != MAP_FAILED) ::munmap(bytes_, size_);
    }

    std::string_view text() const
    {
        return bytes_ == MAP_FAILED ? std::string_view() : std::string_view(static_cast<const char*>(bytes_), size_);
    }

private:
    std::size_t size_ = 0;
    void* bytes_ = MAP_FAILED;
};

std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t width, bool little)
{
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) {
        const auto byte = static_cast<unsigned char>(bytes[little ? at + width - 1 - i : at + i]);
        value = value << 8U | byte;
    }
    return value;
}

/// A module without its signature, and whether it has one. At its end stand the signature, 12 bytes about it, the last
/// four of them its length, and a marker.
struct Payload {
    std::string_view bytes;
    bool is_signed = false;
};

Payload payload_of(std::string_view image)
{
    constexpr std::string_view marker = "~Module signature appended~\n";
    constexpr std::size_t about = 12;
    if (!image.ends_with(marker) || image.size() < marker.size() + about) return {image, false};
    const std::string_view rest = image.substr(0, image.size() - marker.size());
    const std::uint64_t length = number_at(rest, rest.size() - 4, 4, false);
    if (length == 0 || length > rest.size() - about) return {image, false};
    return {rest.substr(0, rest.size() - about - static_cast<std::size_t>(length)), true};
}

/// Name, type, size and content of a section that takes up memory.
using Section = std::tuple<std::string_view, std::uint64_t, std::uint64_t, std::string_view>;

/// Reads the section headers of an ELF file of either class and byte order. It is foreign: every offset is checked.
class Sections {
public:
    explicit Sections(std::string_view image) : image_(image)
    {
        constexpr std::size_t smallest = sizeof(Elf32_Ehdr);
        if (image.size() < sizeof(Elf64_Ehdr) || !image.starts_with(std::string_view(ELFMAG, SELFMAG))) return;
        static_assert(smallest < sizeof(Elf64_Ehdr));
        wide_ = image[EI_CLASS] == ELFCLASS64;
        little_ = image[EI_DATA] == ELFDATA2LSB;
        table_ = wide_ ? number(offsetof(Elf64_Ehdr, e_shoff), 8) : number(offsetof(Elf32_Ehdr, e_shoff), 4);
        count_ = number(wide_ ? offsetof(Elf64_Ehdr, e_shnum) : offsetof(Elf32_Ehdr, e_shnum), 2);
        names_ = number(wide_ ? offsetof(Elf64_Ehdr, e_shstrndx) : offsetof(Elf32_Ehdr, e_shstrndx), 2);
        const std::size_t entry = wide_ ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
        if (table_ > image.size() || count_ * entry > image.size() - table_ || names_ >= count_) count_ = 0;
    }

    /// Those that take up memory, in their order; nothing if this is not an ELF file with such sections.
    std::optional<std::vector<Section>> loaded() const
    {
        std::vector<Section> result;
        for (std::uint64_t i = 0; i < count_; ++i) {
            if ((field(i, offsetof(Elf64_Shdr, sh_flags), offsetof(Elf32_Shdr, sh_flags), 8) & SHF_ALLOC) == 0)
                continue;
            const std::uint64_t type = field(i, offsetof(Elf64_Shdr, sh_type), offsetof(Elf32_Shdr, sh_type), 4);
            const std::uint64_t size = size_of(i);
            const auto content = type == SHT_NOBITS ? std::optional<std::string_view>("") : content_of(i);
            const auto name = name_of(field(i, offsetof(Elf64_Shdr, sh_name), offsetof(Elf32_Shdr, sh_name), 4));
            if (!content || !name) return std::nullopt;
            result.emplace_back(*name, type, size, *content);
        }
        return result.empty() ? std::nullopt : std::optional(std::move(result));
    }

private:
    std::uint64_t number(std::size_t at, std::size_t width) const { return number_at(image_, at, width, little_); }

    /// A field of section header `index`; `width` is that in a 64 bit file.
    std::uint64_t field(std::uint64_t index, std::size_t in_wide, std::size_t in_narrow, std::size_t width) const
    {
        const std::size_t entry = wide_ ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
        return number(static_cast<std::size_t>(table_ + index * entry) + (wide_ ? in_wide : in_narrow),
                      wide_ ? width : 4);
    }

    std::uint64_t size_of(std::uint64_t index) const
    {
        return field(index, offsetof(Elf64_Shdr, sh_size), offsetof(Elf32_Shdr, sh_size), 8);
    }

    std::optional<std::string_view> content_of(std::uint64_t index) const
    {
        const std::uint64_t at = field(index, offsetof(Elf64_Shdr, sh_offset), offsetof(Elf32_Shdr, sh_offset), 8);
        const std::uint64_t size = size_of(index);
        if (at > image_.size() || size > image_.size() - at) return std::nullopt;
        return image_.substr(static_cast<std::size_t>(at), static_cast<std::size_t>(size));
    }

    std::optional<std::string_view> name_of(std::uint64_t at) const
    {
        const auto names = content_of(names_);
        if (!names || at >= names->size()) return std::nullopt;
        const std::string_view rest = names->substr(static_cast<std::size_t>(at));
        return rest.substr(0, rest.find('\0'));
    }

    std::string_view image_;
    bool wide_ = false;
    bool little_ = true;
    std::uint64_t table_ = 0;
    std::uint64_t count_ = 0;
    std::uint64_t names_ = 0;
};

Likeness likeness_of(std::string_view built, std::string_view installed)
{
    const Payload ours = payload_of(built);
    const Payload theirs = payload_of(installed);
    if (ours.bytes == theirs.bytes && (theirs.is_signed || !ours.is_signed)) return Likeness::same;
    const auto sections = Sections(ours.bytes).loaded();
    return sections && sections == Sections(theirs.bytes).loaded() ? Likeness::same_code : Likeness::other;
}

Descriptor memory()
{
    Descriptor made(::memfd_create("module.ko", MFD_CLOEXEC));
    if (!made) refuse_call("memfd_create", errno);
    return made;
}

} // namespace

Likeness likeness_of(const std::filesystem::path& built, const std::filesystem::path& installed)
{
    try {
        const Descriptor a = open_module(built);
        const Descriptor b = open_module(installed);
        const Descriptor image_a = memory();
        const Descriptor image_b = memory();
        const std::string answer = run_unprivileged({a.number(), b.number(), image_a.number(), image_b.number()}, [&] {
            unpack_module(a.number(), image_a.number(), built);
            unpack_module(b.number(), image_b.number(), installed);
            const Mapped of_a(image_a.number());
            const Mapped of_b(image_b.number());
            return std::to_string(static_cast<int>(likeness_of(of_a.text(), of_b.text())));
        });
        if (answer == std::to_string(static_cast<int>(Likeness::same))) return Likeness::same;
        if (answer == std::to_string(static_cast<int>(Likeness::same_code))) return Likeness::same_code;
        return Likeness::other;
    } catch (const Error& error) {
        if (error.code() == ErrorCode::verify_failed || error.code() == ErrorCode::internal) return Likeness::other;
        throw;
    }
}

} // namespace dkms
