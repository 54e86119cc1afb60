// SPDX-License-Identifier: LGPL-2.1-or-later
// Archives come from anywhere: reading one must take or refuse anything, and write nothing outside.
#include "lib/model/error.h"
#include "lib/package/archive_layout.h"
#include "lib/package/archive_reader.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;

/// Two directories deep, so that what climbs out of the inner one is seen.
class Place {
public:
    Place()
    {
        std::string name = (fs::temp_directory_path() / "archive-fuzz.XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        outside_ = name;
        fs::create_directory(inside());
    }
    ~Place()
    {
        std::size_t count = 0;
        for ([[maybe_unused]] const auto& entry : fs::directory_iterator(outside_)) ++count;
        if (count != 1) std::abort();
        fs::remove_all(outside_);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    fs::path inside() const { return outside_ / "inside"; }

private:
    fs::path outside_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const Place place;
    const dkms::Descriptor file(::memfd_create("archive", MFD_CLOEXEC));
    dkms::write_all(file.number(), {reinterpret_cast<const char*>(data), size});
    dkms::ArchiveLimits limits;
    limits.entries = 64;
    limits.bytes = std::uint64_t{1} << 20;
    try {
        dkms::StagedTree tree(place.inside());
        dkms::unpack(file.number(), "archive", tree, limits);
        dkms::layout_of_archive(place.inside(), "archive");
    } catch (const dkms::Error& error) {
        if (error.code() == dkms::ErrorCode::internal || error.code() == dkms::ErrorCode::tree_not_writable)
            std::abort();
    }
    return 0;
}
