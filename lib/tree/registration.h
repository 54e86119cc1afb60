// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/config/conf.h"
#include "lib/process/work.h"
#include "lib/tree/layout.h"
#include "lib/tree/replacement.h"

#include <filesystem>
#include <vector>

namespace dkms {

/// How a module becomes known to the tree, whatever brings it: <tree>/M/V with an empty build/ and `source`, then
/// POST_ADD. The order of the calls is that of the functions here.
class Registration {
public:
    /// For the step's module.
    explicit Registration(Work& work) : work_(work), layout_(work.places), module_(work.step.module) {}

    /// Whether the tree has it: its source leads to a directory, or is one.
    static bool is_added(const Layout& layout, const ModuleId& module);

    /// Reads the configuration strictly, from the file that the options name or else from `file`, and looks whether the
    /// version directory may be changed. Changes nothing. Throws as read_conf, and Error TreeNotWritable.
    void check(const std::filesystem::path& file);

    /// What is to be said about the configuration.
    void report_conf() const;
    /// That `source` leads to where it lies in the source tree now.
    void report_link() const;

    /// Makes the version directory out of `fresh`, a directory below staging, by one rename: with an empty build/, and
    /// a link to the source tree unless it has a source/ itself. Where there is a version directory already, only its
    /// source, and its build/ if that is no directory, are taken from `fresh`. Throws Error TreeNotWritable, DiskFull.
    void publish(const std::filesystem::path& fresh);

    /// Runs POST_ADD. From here on the module stays added. Throws Error ScriptFailed, Cancelled.
    void run_post_add();
    bool stays() const { return stays_; }

    /// Takes publish() back, unless the module stays.
    void undo() noexcept;

private:
    void complete(const std::filesystem::path& fresh) const;
    void mend(const std::filesystem::path& fresh);

    Work& work_;
    Layout layout_;
    ModuleId module_;
    Conf conf_;
    std::vector<std::filesystem::path> made_; ///< directories above the version directory, outermost first
    std::vector<Replacement> replaced_;       ///< in the order in which it was done
    bool stays_ = false;
};

} // namespace dkms
