// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/tree/layout.h"
#include "lib/tree/replacement.h"

#include <filesystem>
#include <optional>

namespace dkms {

/// A source that is put into the source tree, by one rename. It is made ready beside its place, as .dkmsd-M-V: the
/// source tree may be another file system than staging is. What a crash leaves under that name goes with the next
/// placement.
class SourcePlacement {
public:
    SourcePlacement(const Layout& layout, const ModuleId& module);

    /// Moves or copies `source` to <source tree>/M-V. What is there stays below it where the new one has nothing of
    /// that name, or with `replace` goes. Throws Error SourceUnreadable, TreeNotWritable, DiskFull.
    void place(const std::filesystem::path& source, bool replace);
    /// Deletes what was there before.
    void finish() noexcept;
    void undo() noexcept;

private:
    Layout layout_;
    std::filesystem::path place_;
    std::filesystem::path beside_;
    std::optional<Replacement> placed_;
};

} // namespace dkms
