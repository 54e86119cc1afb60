// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/error.h"

#include <filesystem>
#include <string>

namespace dkms {

/// The Error ConfInvalid for `file`; `reason` is a whole sentence, as the old reader printed it behind "dkms.conf:
/// Error! ".
inline Error conf_fault(const std::filesystem::path& file, std::string reason)
{
    return Error(ErrorCode::conf_invalid, {{"file", file.string()}, {"reason", std::move(reason)}});
}

} // namespace dkms
