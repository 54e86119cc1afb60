// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/kmod_package.h"

#include "lib/build/staging.h"
#include "lib/files/inside.h"
#include "lib/kernel/headers.h"
#include "lib/model/error.h"
#include "lib/package/builtin_specs.h"
#include "lib/package/kernel_symbols.h"
#include "lib/package/manifest.h"
#include "lib/package/rpm_build.h"
#include "lib/package/rpm_provides.h"
#include "lib/package/rpm_text.h"
#include "lib/process/memory_file.h"
#include "lib/process/refusal.h"
#include "lib/tree/directory.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <set>

#include <unistd.h>

namespace dkms {
namespace {

namespace fs = std::filesystem;
using Symbols = std::map<std::string, std::uint64_t>;

/// The symbols of a file; none if it is not there.
Symbols symbols_in(const fs::path& directory, const char* name)
{
    constexpr std::size_t longest = 64 * 1024 * 1024;
    const Descriptor file = open_inside(directory, name);
    if (!file && (errno == EACCES || errno == EIO)) refuse_read(directory / name, errno);
    if (!file) return {};
    return symbols_of(content_of(file, longest));
}

class KmodPackage {
public:
    KmodPackage(const Work& work, const PackContent& content, const KernelId& kernel)
        : work_(work), content_(content), kernel_(kernel),
          product_("The RPM of " + content.module().text() + " for " + kernel.text())
    {
        modules_ = content.modules(kernel);
        if (modules_.empty())
            throw Error(ErrorCode::not_built,
                        {{"module", content.module().text()}, {"kernel", kernel.release}, {"arch", kernel.arch}});
        check_for_rpm(kernel.release, "kernel", product_);
        for (const PackedModule& module : modules_) check_for_rpm(module.file, "file", product_);
        for (const PackedModule& module : modules_)
            own_symbols_.insert(module.facts.exports.begin(), module.facts.exports.end());
    }

    Product make(DraftDirectory& draft) const;

private:
    std::string kernel_version() const;
    std::set<std::string> provides() const;
    std::set<std::string> requirements() const;
    std::string spec() const;
    void add_modules(const RpmBuild& build) const;

    const Work& work_;
    const PackContent& content_;
    KernelId kernel_;
    std::string product_; ///< for errors
    std::vector<PackedModule> modules_;
    Symbols own_symbols_;
};

std::string KmodPackage::kernel_version() const
{
    std::string version = rpm_dependency_version(kernel_.release);
    if (version != kernel_.release)
        work_.reporter.warning("kernel-release-changed", {{"kernel", kernel_.release}, {"shown", version}},
                               "An RPM cannot name the kernel " + kernel_.release + "; for this one it is called " +
                                   version + ", which RPM takes for the same.");
    return version;
}

std::set<std::string> KmodPackage::provides() const
{
    std::set<std::string> provides = modalias_provides(modules_, content_.module().version);
    for (const PackedModule& module : modules_)
        provides.insert("kmod(" + module.name + ".ko) = " + rpm_dependency_version(content_.module().version));
    for (const auto& [symbol, crc] : own_symbols_)
        if (crc != 0) provides.insert(symbol_dependency("ksym", symbol, crc));
    return provides;
}

/// A kernel that has the same symbols will do, where modules know them by more than their names.
std::set<std::string> KmodPackage::requirements() const
{
    const Symbols of_kernel =
        symbols_in(headers_directory(kernel_, work_.places, work_.step.options), "Module.symvers");
    std::set<std::string> requirements;
    bool has_versions = true;
    for (const PackedModule& module : modules_) {
        has_versions &= !module.facts.symbol_versions.empty();
        for (const auto& [symbol, crc] : module.facts.symbol_versions) {
            if (own_symbols_.count(symbol) != 0) continue;
            const bool is_foreign = !of_kernel.empty() && of_kernel.count(symbol) == 0;
            requirements.insert(symbol_dependency(is_foreign ? "ksym" : "kernel", symbol, crc));
        }
    }
    if (!has_versions) requirements.insert("kernel-uname-r = " + rpm_dependency_version(kernel_.release));
    return requirements;
}

std::string KmodPackage::spec() const
{
    std::string files;
    for (const PackedModule& module : modules_) files += (files.empty() ? "" : " ") + module.file;
    return filled(kmod_spec(), {{"MODULE", content_.module().name},
                                {"VERSION", content_.module().version},
                                {"RPM_VERSION", rpm_version(content_.module(), product_)},
                                {"RELEASE", "1.k" + rpm_release_part(kernel_)},
                                {"KERNEL", kernel_.release},
                                {"KERNEL_VERSION", kernel_version()},
                                {"FILES", files},
                                {"PROVIDES", dependency_lines("Provides", provides())},
                                {"REQUIRES", dependency_lines("Requires", requirements())}});
}

void KmodPackage::add_modules(const RpmBuild& build) const
{
    make_directories(build.sources() / "modules");
    for (const PackedModule& module : modules_)
        copy_file_to(content_.open_module(kernel_, module), build.sources() / "modules" / module.file);
}

Product KmodPackage::make(DraftDirectory& draft) const
{
    const std::string text = spec(); // complains before anything is written
    RpmBuild build(draft, content_.time());
    add_modules(build);
    build.add_source(manifest_name, text_of(manifest_of(content_, work_.cancellation, {false, kernel_})));
    Products written = build.run("-bb", "kmod.spec", text, rpm_architecture(kernel_.arch));
    if (written.size() == 1) return std::move(written.front());
    throw Error(ErrorCode::packaging_failed,
                {{"product", product_}, {"program", "rpmbuild"}, {"reason", "it made no package"}});
}

} // namespace

Product make_kmod_package(const Work& work, const PackContent& content, const KernelId& kernel, DraftDirectory& draft)
{
    return KmodPackage(work, content, kernel).make(draft);
}

} // namespace dkms
