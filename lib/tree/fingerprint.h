// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/places.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// A file that something was built from, as it was then. One that was missing is a fact as well: it may come.
struct InputFile {
    std::string kind; ///< what it is, for people: "headers", "compiler", "configuration", "patch", "dependency", "key"
    std::filesystem::path path; ///< below places.root
    std::uintmax_t size = 0;
    std::int64_t modified = 0; ///< nanoseconds since the epoch
    std::string sha256;        ///< empty: it was missing

    bool operator==(const InputFile&) const = default;
};

/// The kind of a file that says that a build is unsigned for having been made in an image, where no key is made (its
/// path is the certificate's): once the system runs that the image was made for, the build is not as it should be.
inline constexpr const char* unsigned_in_image = "signature";

/// The files as they are now; `path` of each is one with places.root. Throws Error ReadFailed.
std::vector<InputFile> fingerprint_of(std::vector<InputFile> files, const Places& places);

/// The first of these files that size and time say may not be as it was. A few microseconds a file.
///
/// Headers, compilers and keys that are gone do not count: nothing could be built anew without them.
const InputFile* first_touched(const std::vector<InputFile>& files, const Places& places);

/// One of these files whose content is not as it was. Reads no file whose size and time say that it is the same, nor
/// one whose size says that it is not. Throws Error ReadFailed.
const InputFile* first_changed(const std::vector<InputFile>& files, const Places& places);

/// [["headers","/lib/modules/K/build/Module.symvers",1234,1790000000000000000,"…"],…]
nlohmann::json to_json(const std::vector<InputFile>& files);
/// Entries that cannot be read are left out.
std::vector<InputFile> input_files_from_json(const nlohmann::json& value);

} // namespace dkms
