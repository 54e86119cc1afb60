// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/model/ids.h"
#include "lib/model/places.h"

#include <filesystem>

namespace dkms {

/// Where things lie in a DKMS tree (docs/architecture.md, "The tree"). Names only: but for source(), nothing is read.
/// Old programs know the layout, so it never changes; what we add are dot entries.
class Layout {
public:
    explicit Layout(const Places& places) : root_(places.root), tree_(places.dkms_tree), sources_(places.source_tree) {}

    const std::filesystem::path& tree() const { return tree_; }
    std::filesystem::path module(const std::string& name) const;     ///< <tree>/M
    std::filesystem::path version(const ModuleId& module) const;     ///< <tree>/M/V
    std::filesystem::path source_link(const ModuleId& module) const; ///< <tree>/M/V/source
    /// <tree>/M/V/source, to look into: with --root, what that link leads to on that system, for which links are read.
    std::filesystem::path source(const ModuleId& module) const;
    std::filesystem::path build(const ModuleId& module) const; ///< <tree>/M/V/build, the path old configurations name
    std::filesystem::path source_in_source_tree(const ModuleId& module) const;   ///< <source tree>/M-V
    std::filesystem::path kernel(const ModuleId&, const KernelId&) const;        ///< <tree>/M/V/K/A
    std::filesystem::path built_modules(const ModuleId&, const KernelId&) const; ///< <tree>/M/V/K/A/module
    std::filesystem::path make_log(const ModuleId&, const KernelId&) const;      ///< <tree>/M/V/K/A/log/make.log
    std::filesystem::path build_record(const ModuleId&, const KernelId&) const;  ///< <tree>/M/V/K/A/.dkmsd.json
    std::filesystem::path
    trouble_record(const ModuleId&, const KernelId&) const; ///< <tree>/M/V/.trouble-K-A.json: failed, waiting, skipped
    std::filesystem::path
    failed_log(const ModuleId&, const KernelId&) const; ///< <tree>/M/V/.make-K-A.log: of the last build that failed
    std::filesystem::path active_link(const std::string& name, const KernelId&) const;    ///< <tree>/M/kernel-K-A
    std::filesystem::path install_record(const std::string& name, const KernelId&) const; ///< <tree>/M/.kernel-K-A.json
    std::filesystem::path originals(const std::string& name, const KernelId&) const; ///< <tree>/M/original_module/K/A
    std::filesystem::path histories() const; ///< <tree>/.dkmsd.history, for everyone to read
    std::filesystem::path history(const std::string& name, const KernelId&) const; ///< <tree>/.dkmsd.history/M/K-A.json
    std::filesystem::path own() const;                                             ///< <tree>/.dkmsd, mode 0700
    std::filesystem::path lock() const;                                            ///< <tree>/.dkmsd/lock
    std::filesystem::path builds() const;       ///< <tree>/.dkmsd/build: private build directories
    std::filesystem::path staging() const;      ///< <tree>/.dkmsd/staging: K/A directories before they are published
    std::filesystem::path intents() const;      ///< <tree>/.dkmsd/intents
    std::filesystem::path transactions() const; ///< <tree>/.dkmsd/transactions: see transaction_mark.h

private:
    std::filesystem::path root_;
    std::filesystem::path tree_;
    std::filesystem::path sources_;
};

} // namespace dkms
