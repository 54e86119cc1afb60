// SPDX-License-Identifier: LGPL-2.1-or-later
#include "client/dkms/working_source.h"

#include "lib/model/error.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms::legacy {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& what, const std::string& reason)
{
    throw Fault{1, what + " cannot be made a package of: " + reason + ".", false};
}

Descriptor opened(const fs::path& directory)
{
    Descriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!descriptor) refuse(directory.string(), errno_text(errno));
    return descriptor;
}

} // namespace

bool WorkingSource::is_here() { return ::access("dkms.conf", R_OK) == 0; }

WorkingSource::WorkingSource()
{
    std::string name = "/var/tmp/dkms-pack-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) refuse(name, errno_text(errno));
    path_ = name;
    try {
        for (const char* directory : {"source", "dkms", "src"}) fs::create_directory(path_ / directory);
        ::chmod(path_.c_str(), 0755); // builds run as another user
        for (const auto& entry : fs::directory_iterator("."))
            if (!entry.path().filename().string().starts_with("."))
                fs::copy(entry.path(), path_ / "source" / entry.path().filename(),
                         fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    } catch (const fs::filesystem_error& error) {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
        refuse(error.path1().string(), error.code().message());
    }
}

WorkingSource::~WorkingSource()
{
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

Words WorkingSource::in_its_trees(Words words) const
{
    words.places.dkms_tree = path_ / "dkms";
    words.places.source_tree = path_ / "src";
    return words;
}

Descriptor WorkingSource::source() const { return opened(path_ / "source"); }

Descriptor WorkingSource::results() { return opened(".."); }

} // namespace dkms::legacy
