// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/disk_image.h"

#include "lib/model/error.h"
#include "lib/package/archive_writer.h"
#include "lib/package/disk_filesystem.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;

struct Medium {
    DiskMedia media;
    std::string_view name;
    std::string_view suffix;
};
constexpr std::array<Medium, 5> mediums{{{DiskMedia::floppy, "floppy", ".img"},
                                         {DiskMedia::img, "img", ".img"},
                                         {DiskMedia::iso, "iso", ".iso"},
                                         {DiskMedia::tar, "tar", ".tar"},
                                         {DiskMedia::cpio, "cpio.gz", ".cpio.gz"}}};

bool has_filesystem(DiskMedia media) { return media == DiskMedia::floppy || media == DiskMedia::img; }

std::size_t longest_label(const DiskImage& image)
{
    if (!has_filesystem(image.media)) return 32;
    return image.ext2 ? 16 : 11;
}

void check_label(const DiskImage& image)
{
    const auto is_bad = [](char c) {
        return c <= ' ' || c > '~' || std::string_view("\"*+,./:;<=>?[\\]|").find(c) != std::string_view::npos;
    };
    const auto longest = longest_label(image);
    if (image.label.size() > longest || image.label.starts_with('-') ||
        std::any_of(image.label.begin(), image.label.end(), is_bad))
        throw Error(ErrorCode::invalid_args,
                    {{"reason", "'" + image.label + "' is no label for this medium, which may have " +
                                    std::to_string(longest) + " letters, digits, '-' and '_'"}});
}

/// An archive needs no program: it is ours, and so is where it is written.
Product write_archive(const DraftDirectory& draft, const PayloadTree& tree, const DiskImage& image, std::time_t time,
                      const std::string& name, Cancellation& cancellation)
{
    const fs::path path = draft.input() / name;
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    const Descriptor directory(::open(tree.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!file || !directory)
        throw Error(ErrorCode::archive_not_writable,
                    {{"path", path.string()}, {"reason", errno_text(errno)}, {"errno", std::to_string(errno)}});
    ArchiveWriter writer(file.number(), name, time,
                         image.media == DiskMedia::tar ? ArchiveFormat::ustar : ArchiveFormat::newc);
    writer.tree("", directory, cancellation);
    writer.close();
    return opened_product(path);
}

Product write_iso(DraftDirectory& draft, const PayloadTree& tree, const DiskImage& image, std::time_t time,
                  const std::string& name)
{
    std::vector<std::string> argv{"xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-joliet-long", "-pad"};
    if (!image.label.empty()) argv.insert(argv.end(), {"-V", image.label});
    argv.insert(argv.end(), {"-o", name, tree.root().string()});
    draft.run({std::move(argv), "xorriso", {"SOURCE_DATE_EPOCH=" + std::to_string(time), "TZ=UTC"}});
    return draft.take(name);
}

/// Whether that is what programs say when a file system in a file is full.
bool tells_of_full_image(const Error& error)
{
    if (error.code() != ErrorCode::packaging_failed) return false;
    const std::string reason = error.parameter("reason");
    constexpr std::array<std::string_view, 4> texts{"isk full", "ould not allocate", "No directory slots", "too small"};
    return std::any_of(texts.begin(), texts.end(),
                       [&](std::string_view text) { return reason.find(text) != std::string::npos; });
}

/// Tries larger ones until everything is in it, where the size is ours to choose.
Product write_filesystem(DraftDirectory& draft, const PayloadTree& tree, const DiskImage& image, std::time_t time,
                         const std::string& name)
{
    constexpr unsigned smallest = 1440;
    constexpr int attempts = 8;
    const DiskContent content = disk_content(tree);
    const unsigned needed = content.estimated_size(image.ext2);
    const bool is_given = image.media == DiskMedia::floppy || image.size != 0;
    unsigned size = image.size != 0 ? image.size : is_given ? smallest : std::max(needed, smallest);
    const auto refuse = [&] {
        throw Error(ErrorCode::does_not_fit, {{"product", image.product},
                                              {"needed", std::to_string(std::max(needed, size + size / 8))},
                                              {"size", std::to_string(size)}});
    };
    if (size < content.least_size()) refuse();
    for (int attempt = 1;; ++attempt) {
        try {
            if (image.ext2)
                write_ext2(draft, content, {image.label, size, time}, name);
            else
                write_fat(draft, content, {image.label, size, time}, name);
            return draft.take(name);
        } catch (const Error& error) {
            if (!tells_of_full_image(error) || (!is_given && attempt == attempts)) throw;
            if (is_given) refuse();
        }
        draft.run({{"rm", "-f", "--", name}, "coreutils"});
        size += size / 4;
    }
}

} // namespace

DiskMedia disk_media(const std::string& name)
{
    if (name.empty()) return DiskMedia::img;
    for (const Medium& medium : mediums)
        if (medium.name == name) return medium.media;
    throw Error(ErrorCode::invalid_args,
                {{"reason", "there is no medium '" + name + "', but floppy, img, iso, tar and cpio.gz"}});
}

std::string suffix_of(DiskMedia media)
{
    for (const Medium& medium : mediums)
        if (medium.media == media) return std::string(medium.suffix);
    return {};
}

void check_image(const DiskImage& image)
{
    check_label(image);
    if (image.media == DiskMedia::iso) require_tool(image.product, "xorriso", "xorriso");
    if (!has_filesystem(image.media)) return;
    if (image.ext2) {
        require_tool(image.product, "mke2fs", "e2fsprogs");
        require_tool(image.product, "debugfs", "e2fsprogs");
    } else {
        require_tool(image.product, "mkfs.vfat", "dosfstools");
        require_tool(image.product, "mcopy", "mtools");
    }
}

Product write_image(DraftDirectory& draft, const PayloadTree& tree, const DiskImage& image, std::time_t time,
                    const std::string& name, Cancellation& cancellation)
{
    if (image.media == DiskMedia::iso) return write_iso(draft, tree, image, time, name);
    if (has_filesystem(image.media)) return write_filesystem(draft, tree, image, time, name);
    return write_archive(draft, tree, image, time, name, cancellation);
}

} // namespace dkms
