// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/product.h"

#include "lib/process/refusal.h"
#include "lib/process/regular_file.h"

#include <cerrno>

#include <fcntl.h>

namespace dkms {

Product opened_product(const std::filesystem::path& file)
{
    Descriptor opened = open_regular(file, O_NOFOLLOW);
    if (!opened) refuse_read(file, errno);
    return {file.filename().string(), std::move(opened)};
}

} // namespace dkms
