// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/package/product.h"
#include "lib/process/descriptor.h"
#include "lib/process/work.h"

#include <filesystem>
#include <string>
#include <vector>

namespace dkms {

/// Where the files go that a pack step makes: into the directory beside the request (work.handle) if there is one, else
/// into <tree>/M/V/<subdirectory>. A service never gets such a directory from a client: an open directory does not show
/// that he may write there. They appear under their names only when all are complete.
class ProductPlace {
public:
    /// Makes <subdirectory> if need be. Throws Error ArchiveNotWritable, DiskFull; InvalidArgs if what lies beside the
    /// request is no directory.
    ProductPlace(const Work& work, const std::string& subdirectory);
    ~ProductPlace();
    ProductPlace(const ProductPlace&) = delete;
    ProductPlace& operator=(const ProductPlace&) = delete;

    /// A new empty file that will be called `name`; the descriptor is ours. Throws as the constructor.
    int create(const std::string& name);
    /// The content of a product, which will have its name. Throws Error ReadFailed, too.
    void copy(const Product& product);
    /// What a file that will be called `name` is called for people.
    std::string shown(const std::string& name) const { return (shown_ / name).string(); }

    /// All files get their names; what had them before is gone. Each is reported (packed). Not published, they are
    /// deleted, and directories that were made for them.
    void publish();

private:
    struct Created {
        std::string name;
        std::string temporary;
        Descriptor file;
    };
    [[noreturn]] void refuse(const std::string& name, int number) const;

    const Work& work_;
    std::filesystem::path shown_;             ///< the directory, for people
    std::vector<std::filesystem::path> made_; ///< directories that were not there before
    Descriptor opened_;                       ///< the directory, if it is ours
    int directory_;
    std::vector<Created> created_;
};

} // namespace dkms
