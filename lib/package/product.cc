// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/product.h"

#include "lib/process/refusal.h"

#include <cerrno>

#include <fcntl.h>

namespace dkms {

Product opened_product(const std::filesystem::path& file)
{
    Descriptor opened(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened) refuse_read(file, errno);
    return {file.filename().string(), std::move(opened)};
}

} // namespace dkms
