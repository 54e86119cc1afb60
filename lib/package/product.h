// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/process/descriptor.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// A file that was made, or is part of one. It is held open, and so outlives the directory that it was made in.
struct Product {
    std::string name; ///< what it is called, without a directory
    Descriptor file;  ///< for reading, at its beginning
};
using Products = std::vector<Product>;

/// Opens a file of ours that nobody else could change. Throws Error ReadFailed.
Product opened_product(const std::filesystem::path& file);

} // namespace dkms
