// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/archive_compression.h"

#include <algorithm>
#include <array>

#include <archive.h>

namespace dkms {
namespace {

struct Suffix {
    std::string_view text;
    int (*add)(archive*);
};
constexpr std::array<Suffix, 18> suffixes{{
    {".gz", archive_write_add_filter_gzip},
    {".tgz", archive_write_add_filter_gzip},
    {".taz", archive_write_add_filter_gzip},
    {".bz2", archive_write_add_filter_bzip2},
    {".tbz", archive_write_add_filter_bzip2},
    {".tbz2", archive_write_add_filter_bzip2},
    {".tz2", archive_write_add_filter_bzip2},
    {".xz", archive_write_add_filter_xz},
    {".txz", archive_write_add_filter_xz},
    {".zst", archive_write_add_filter_zstd},
    {".tzst", archive_write_add_filter_zstd},
    {".lzma", archive_write_add_filter_lzma},
    {".tlz", archive_write_add_filter_lzma},
    {".lz", archive_write_add_filter_lzip},
    {".lzo", archive_write_add_filter_lzop},
    {".Z", archive_write_add_filter_compress},
    {".taZ", archive_write_add_filter_compress},
    {".lz4", archive_write_add_filter_lz4},
}};

} // namespace

int set_compression(archive* writer, std::string_view name)
{
    const auto found = std::find_if(suffixes.begin(), suffixes.end(),
                                    [&](const Suffix& suffix) { return name.ends_with(suffix.text); });
    if (found == suffixes.end()) return archive_write_add_filter_none(writer);
    const int result = found->add(writer);
    if (found->add == archive_write_add_filter_gzip)
        archive_write_set_filter_option(writer, "gzip", "timestamp", nullptr);
    if (found->add == archive_write_add_filter_zstd) // beside us, who read; a library that cannot does it in turn
        archive_write_set_filter_option(writer, "zstd", "threads", "1");
    return result;
}

} // namespace dkms
