// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/tree/layout.h"

#include <filesystem>

namespace dkms {

/// A file, link or directory that is put in its place by one rename, so that there is never nothing and never half of
/// it. What was there changes places with it. Can be taken back; nothing is taken back or deleted by itself.
class Replacement {
public:
    /// Moves `fresh` to `target`; what was there is at `fresh` afterwards. Both lie on one file system. Where that
    /// cannot exchange two names, there is neither for a moment; of an overlay's lower layer, see lower_layer.h. Throws
    /// Error TreeNotWritable, DiskFull; then everything is as before.
    static Replacement put(const Layout& layout, const std::filesystem::path& fresh,
                           const std::filesystem::path& target);

    /// Whether something was there before.
    bool replaced() const { return replaced_; }
    /// Moves both back to where they were.
    void undo() const noexcept;

private:
    Replacement(Layout layout, std::filesystem::path fresh, std::filesystem::path target, bool replaced);

    Layout layout_;
    std::filesystem::path fresh_;
    std::filesystem::path target_;
    bool replaced_;
};

} // namespace dkms
