// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "lib/kernel/module_file.h"
#include "lib/kernel/symvers.h"
#include "lib/process/work.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dkms {

/// Finds for the symbols of the modules of one package who exports them. What costs time is looked at only when what
/// came before had no answer: Module.symvers of the kernel and the package itself; the index of what is installed
/// (modules.symbols); the other modules of the DKMS tree that are built for the kernel.
class SymbolCheck {
public:
    /// `package`: its modules by name. All must outlive this.
    SymbolCheck(const Work& work, const Symvers& symvers, const std::map<std::string, ModuleFacts>& package);

    /// What is wrong with the symbols that a module of the package wants.
    struct Fault {
        std::string reason;   ///< completes "F cannot be used with kernel K: "
        bool excused = false; ///< the module depends on one that is not there yet, which may export the symbol
    };
    std::optional<Fault> fault_of(const ModuleFacts& module);

private:
    bool is_exported(const std::string& symbol, std::uint64_t crc);
    bool is_indexed(const std::string& symbol);
    const std::map<std::string, ModuleFacts>& others();
    bool is_there(const std::string& dependency);
    std::optional<std::string> missing_dependency(const ModuleFacts& module);

    const Work& work_;
    const Symvers& symvers_;
    const std::map<std::string, ModuleFacts>& package_;
    std::map<std::string, ModuleFacts> installed_dependencies(const ModuleFacts& module) const;

    std::optional<std::string> index_;                         ///< the text of modules.symbols
    std::optional<std::map<std::string, ModuleFacts>> others_; ///< of the tree, by file
};

} // namespace dkms
