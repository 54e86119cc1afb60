// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/product_place.h"

#include "lib/package/pack_content.h"
#include "lib/process/open_path.h"
#include "lib/tree/digest.h"
#include "lib/tree/directory.h"
#include "lib/tree/layout.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dkms {

namespace fs = std::filesystem;

ProductPlace::ProductPlace(const Work& work, const std::string& subdirectory) : work_(work), directory_(work.handle)
{
    if (directory_ >= 0) {
        shown_ = name_of_open(directory_);
        if (!is_directory(directory_))
            throw Error(ErrorCode::invalid_args, {{"reason", "what is made can only be put into a directory"}});
        return;
    }
    shown_ = Layout(work.places).version(work.step.module) / subdirectory;
    try {
        made_ = make_directories(shown_);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::tree_not_writable) throw;
        throw Error(ErrorCode::archive_not_writable, error.parameters());
    }
    opened_ = Descriptor(::open(shown_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!opened_) refuse("", errno);
    directory_ = opened_.number();
}

ProductPlace::~ProductPlace()
{
    for (const Created& product : created_)
        if (!product.temporary.empty()) ::unlinkat(directory_, product.temporary.c_str(), 0);
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) ::rmdir(path->c_str()); // only when it is empty
}

void ProductPlace::refuse(const std::string& name, int number) const
{
    if (number == ENOSPC || number == EDQUOT) refuse_change(shown(name), number);
    throw Error(ErrorCode::archive_not_writable,
                {{"path", shown(name)}, {"reason", errno_text(number)}, {"errno", std::to_string(number)}});
}

int ProductPlace::create(const std::string& name)
{
    const std::string temporary = unique_name(".pack-");
    Descriptor file(::openat(directory_, temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!file) refuse(name, errno);
    created_.push_back({name, temporary, std::move(file)});
    return created_.back().file.number();
}

/// No more than the size that it has now: what is copied is whole or not there.
void ProductPlace::copy(const Product& product)
{
    struct stat facts {};
    if (::fstat(product.file.number(), &facts) < 0) refuse_read(product.name, errno);
    const int to = create(product.name);
    for (off_t left = facts.st_size; left > 0;) {
        const ssize_t sent = ::sendfile(to, product.file.number(), nullptr, static_cast<std::size_t>(left));
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) refuse(product.name, sent < 0 ? errno : EIO);
        left -= sent;
    }
}

void ProductPlace::publish()
{
    std::vector<std::string> digests;
    for (const Created& product : created_)
        digests.push_back(sha256_of_open(product.file.number(), shown(product.name)));
    for (Created& product : created_)
        if (::fchmod(product.file.number(), 0644) < 0 || ::fsync(product.file.number()) < 0)
            refuse(product.name, errno);
    for (Created& product : created_) {
        if (::renameat(directory_, product.temporary.c_str(), directory_, product.name.c_str()) < 0)
            refuse(product.name, errno);
        product.temporary.clear();
        made_.clear();
    }
    ::fsync(directory_); // not every file system can, of a directory; the files are on the disk
    auto digest = digests.begin();
    for (const Created& product : created_) {
        struct stat facts {};
        if (::fstat(product.file.number(), &facts) < 0) refuse(product.name, errno);
        work_.reporter.report(
            Event(EventKind::packed, {{"path", shown(product.name)}, {"size", facts.st_size}, {"sha256", *digest++}}));
    }
}

} // namespace dkms
