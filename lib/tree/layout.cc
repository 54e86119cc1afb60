// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/tree/layout.h"

#include "lib/files/file_kind.h"
#include "lib/kernel/rooted_path.h"
#include "lib/process/held_lock.h"
#include "lib/tree/record.h"

namespace dkms {

namespace {

/// "K-A", as the names of links and dot files have it.
std::string dashed(const KernelId& kernel) { return kernel.release + "-" + kernel.arch; }

} // namespace

std::filesystem::path Layout::module(const std::string& name) const { return tree_ / name; }

std::filesystem::path Layout::version(const ModuleId& module) const { return tree_ / module.name / module.version; }

std::filesystem::path Layout::source_link(const ModuleId& module) const { return version(module) / "source"; }

std::filesystem::path Layout::source(const ModuleId& module) const
{
    if (root_ == "/") return source_link(module);
    auto there = resolve_below(root_, source_link(module));
    return leads_to_directory(there) ? there : source_link(module);
}

std::filesystem::path Layout::build(const ModuleId& module) const { return version(module) / "build"; }

std::filesystem::path Layout::source_in_source_tree(const ModuleId& module) const
{
    return sources_ / (module.name + "-" + module.version);
}

std::filesystem::path Layout::kernel(const ModuleId& module, const KernelId& kernel) const
{
    return version(module) / kernel.release / kernel.arch;
}

std::filesystem::path Layout::built_modules(const ModuleId& module, const KernelId& kernel) const
{
    return this->kernel(module, kernel) / "module";
}

std::filesystem::path Layout::make_log(const ModuleId& module, const KernelId& kernel) const
{
    return this->kernel(module, kernel) / "log" / "make.log";
}

std::filesystem::path Layout::build_record(const ModuleId& module, const KernelId& kernel) const
{
    return this->kernel(module, kernel) / build_record_name;
}

std::filesystem::path Layout::trouble_record(const ModuleId& module, const KernelId& kernel) const
{
    return version(module) / (".trouble-" + dashed(kernel) + ".json");
}

std::filesystem::path Layout::failed_log(const ModuleId& module, const KernelId& kernel) const
{
    return version(module) / (".make-" + dashed(kernel) + ".log");
}

std::filesystem::path Layout::active_link(const std::string& name, const KernelId& kernel) const
{
    return tree_ / name / ("kernel-" + dashed(kernel));
}

std::filesystem::path Layout::install_record(const std::string& name, const KernelId& kernel) const
{
    return tree_ / name / (".kernel-" + dashed(kernel) + ".json");
}

std::filesystem::path Layout::originals(const std::string& name, const KernelId& kernel) const
{
    return tree_ / name / "original_module" / kernel.release / kernel.arch;
}

std::filesystem::path Layout::histories() const { return tree_ / ".dkmsd.history"; }

std::filesystem::path Layout::history(const std::string& name, const KernelId& kernel) const
{
    return histories() / name / (dashed(kernel) + ".json");
}

std::filesystem::path Layout::own() const { return tree_ / ".dkmsd"; }

std::filesystem::path Layout::lock() const { return lock_of_tree(tree_); }

std::filesystem::path Layout::builds() const { return own() / "build"; }

std::filesystem::path Layout::staging() const { return own() / "staging"; }

std::filesystem::path Layout::intents() const { return own() / "intents"; }

std::filesystem::path Layout::transactions() const { return own() / "transactions"; }

} // namespace dkms
