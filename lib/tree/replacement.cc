// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/replacement.h"

#include "lib/tree/directory.h"
#include "lib/tree/lower_layer.h"

#include <cerrno>
#include <cstdio>
#include <utility>

namespace dkms {

namespace fs = std::filesystem;

Replacement::Replacement(Layout layout, fs::path fresh, fs::path target, bool replaced)
    : layout_(std::move(layout)), fresh_(std::move(fresh)), target_(std::move(target)), replaced_(replaced)
{
}

Replacement Replacement::put(const Layout& layout, const fs::path& fresh, const fs::path& target)
{
    if (!is_present(target)) {
        if (::rename(fresh.c_str(), target.c_str()) < 0) refuse_change(target, errno);
        return {layout, fresh, target, false};
    }
    if (const int number = exchange_names(layout, fresh, target)) refuse_change(target, number);
    return {layout, fresh, target, true};
}

void Replacement::undo() const noexcept
{
    try {
        if (replaced_)
            exchange_names(layout_, fresh_, target_);
        else
            ::rename(target_.c_str(), fresh_.c_str());
    } catch (const Error&) {
        return; // both are in the upper layer now, so nothing is copied any more
    }
}

} // namespace dkms
