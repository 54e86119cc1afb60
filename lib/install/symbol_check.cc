// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/install/symbol_check.h"

#include "lib/install/kernel_modules.h"
#include "lib/install/placed.h"
#include "lib/kernel/module_name.h"
#include "lib/model/error.h"
#include "lib/process/descriptor.h"
#include "lib/process/refusal.h"
#include "lib/tree/scan.h"

#include <algorithm>

namespace dkms {
namespace {

constexpr std::size_t longest_index = std::size_t{64} * 1024 * 1024;

/// Names of modules are the same whether they are written with '-' or '_'.
std::string plain(std::string name)
{
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

std::uint64_t wanted_version(const ModuleFacts& module, const std::string& symbol)
{
    const auto found = module.symbol_versions.find(symbol);
    return found == module.symbol_versions.end() ? 0 : found->second;
}

bool exports(const ModuleFacts& module, const std::string& symbol, std::uint64_t crc)
{
    const auto found = module.exports.find(symbol);
    return found != module.exports.end() && (crc == 0 || found->second == 0 || found->second == crc);
}

bool any_exports(const std::map<std::string, ModuleFacts>& modules, const std::string& symbol, std::uint64_t crc)
{
    return std::any_of(modules.begin(), modules.end(),
                       [&](const auto& one) { return exports(one.second, symbol, crc); });
}

} // namespace

SymbolCheck::SymbolCheck(const Work& work, const Symvers& symvers, const std::map<std::string, ModuleFacts>& package)
    : work_(work), symvers_(symvers), package_(package)
{
}

std::optional<SymbolCheck::Fault> SymbolCheck::fault_of(const ModuleFacts& module)
{
    if (symvers_.empty()) return std::nullopt; // without a list of what the kernel exports nothing can be said
    for (const std::string& symbol : module.imports) {
        work_.cancellation.check();
        const std::uint64_t crc = wanted_version(module, symbol);
        if (is_exported(symbol, crc) || any_exports(installed_dependencies(module), symbol, crc)) continue;
        if (const auto missing = missing_dependency(module))
            return Fault{"it needs the module " + *missing + ", which is missing", true};
        if (is_exported(symbol, 0)) return Fault{"it wants another version of the symbol " + symbol};
        return Fault{"it uses the symbol " + symbol + ", which neither the kernel nor a module exports"};
    }
    return std::nullopt;
}

bool SymbolCheck::is_exported(const std::string& symbol, std::uint64_t crc)
{
    const auto exported = symvers_.find(symbol);
    const bool same = exported && (crc == 0 || exported->crc == 0 || exported->crc == crc);
    // That one of the kernel's own is of another version has been said before (Verifier).
    if (same || (exported && exported->of_kernel)) return true;
    if (any_exports(package_, symbol, crc)) return true;
    if (!exported && is_indexed(symbol)) return true;
    return any_exports(others(), symbol, crc);
}

/// The index has no versions: where depmod has found an exporter, it is taken for the right one.
bool SymbolCheck::is_indexed(const std::string& symbol)
{
    if (!index_) {
        const auto file = work_.places.install_tree / work_.step.kernel.release / "modules.symbols";
        index_ = read_file_if_present(file, longest_index).value_or("");
    }
    // Where neither lists what the kernel's modules export, nothing can be said.
    if (index_->empty() && !symvers_.lists_modules()) return true;
    return index_->find(" symbol:" + symbol + " ") != std::string::npos;
}

/// Modules of all packages that are built for the kernel, whether they are installed or not.
const std::map<std::string, ModuleFacts>& SymbolCheck::others()
{
    if (others_) return *others_;
    others_.emplace();
    const Layout layout(work_.places);
    StatusFilter filter;
    filter.kernel = work_.step.kernel.release;
    for (const ModuleStatus& one : scan(work_.places, filter, ScanDepth::quick))
        for (const std::string& file : built_files(work_.places, one.module, work_.step.kernel)) {
            const auto path = layout.built_modules(one.module, work_.step.kernel) / file;
            try {
                others_->emplace(path, read_module(path));
            } catch (const Error& error) {
                if (is_of_system(error)) throw;
                continue; // what cannot be read exports nothing
            }
        }
    return *others_;
}

/// Modules that it depends on, as they are in the kernel's directory: one may have replaced the kernel's own, whose
/// versions Module.symvers has, or have come without depmod.
std::map<std::string, ModuleFacts> SymbolCheck::installed_dependencies(const ModuleFacts& module) const
{
    std::set<std::string> names;
    for (const std::string& dependency : module.depends) names.insert({dependency, plain(dependency)});
    std::map<std::string, ModuleFacts> found;
    for (const auto& [name, files] : find_kernel_modules(work_.places, work_.step.kernel.release, names))
        for (const std::string& file : files) {
            try {
                found.emplace(file, read_module(work_.places.install_tree / work_.step.kernel.release / file));
            } catch (const Error& error) {
                if (is_of_system(error)) throw;
                continue; // what cannot be read exports nothing
            }
        }
    return found;
}

bool SymbolCheck::is_there(const std::string& dependency)
{
    const auto same = [&](const std::string& name) { return plain(name) == plain(dependency); };
    for (const auto& [name, facts] : package_)
        if (same(name)) return true;
    for (const auto& [path, facts] : others())
        if (same(module_name_of(path))) return true;
    std::set<std::string> names{dependency, plain(dependency)};
    return !find_kernel_modules(work_.places, work_.step.kernel.release, names).empty();
}

std::optional<std::string> SymbolCheck::missing_dependency(const ModuleFacts& module)
{
    for (const std::string& dependency : module.depends)
        if (!is_there(dependency)) return dependency;
    return std::nullopt;
}

} // namespace dkms
