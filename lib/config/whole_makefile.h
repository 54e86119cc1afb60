// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/makefile_outline.h"

#include <filesystem>
#include <optional>

namespace dkms {

/// A Makefile of the source in `source`, with the files of the source that it includes, and without what stands under
/// conditions that do not hold; make is given `given`. Nothing if it cannot be read as a text. Its `includes` says
/// whether something that it includes could not be found there, or is computed ($(eval …)).
std::optional<MakefileOutline> whole_makefile(const std::filesystem::path& file, const std::filesystem::path& source,
                                              const MakefileVariables& given);

} // namespace dkms
