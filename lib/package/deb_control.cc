// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/package/deb_control.h"

#include "lib/package/deb_names.h"

#include <algorithm>
#include <array>

namespace dkms {
namespace {

constexpr const char* section = "kernel";
constexpr const char* priority = "optional";

std::string field(const std::string& name, const std::string& value)
{
    return value.empty() ? "" : name + ": " + value + "\n";
}

/// Lines of at most 80 columns, each after a blank, as long as its words allow.
std::string folded(const std::string& text)
{
    constexpr std::size_t columns = 79;
    std::string result;
    std::size_t width = columns;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find(' ', at), text.size());
        const std::string word = text.substr(at, end - at);
        const bool fits = width + 1 + word.size() <= columns;
        result += (fits || result.empty() ? " " : "\n ") + word;
        width = fits ? width + 1 + word.size() : word.size();
        at = end + 1;
    }
    return result;
}

std::string description_of(const DebPackage& package)
{
    return "Description: " + package.summary + "\n" + folded(package.description) + "\n";
}

} // namespace

DebPackage dkms_package(const ModuleId& module, const std::string& architecture)
{
    return {dkms_package_name(module),
            deb_version(module.version),
            architecture,
            {},
            "dkms (>= 1.95)",
            deb_name(module.name) + "-modules (= " + deb_version(module.version) + ")",
            "kernel module " + module.name + ", built by DKMS",
            "The source of the kernel module " + module.name +
                ". It is built and installed for every kernel of the machine whose headers are there."};
}

DebPackage modules_package(const ModuleId& module, const KernelId& kernel)
{
    return {modules_package_name(module, kernel),
            deb_version(module.version),
            deb_architecture(kernel.arch),
            dkms_package_name(module) + "-bin",
            "linux-image-" + deb_name(kernel.release) + ", kmod",
            deb_name(module.name) + "-modules",
            "kernel module " + module.name + " for Linux " + kernel.release,
            "The kernel module " + module.name + ", built for the kernel " + kernel.release + " and no other."};
}

std::string binary_control(const DebPackage& package, std::uint64_t installed)
{
    return field("Package", package.name) + field("Source", package.source) + field("Version", package.version) +
           field("Architecture", package.architecture) + field("Maintainer", deb_maintainer()) +
           field("Installed-Size", std::to_string(installed)) + field("Depends", package.depends) +
           field("Provides", package.provides) + field("Section", section) + field("Priority", priority) +
           description_of(package);
}

std::string source_control(const DebPackage& package)
{
    return field("Source", package.source.empty() ? package.name : package.source) + field("Section", section) +
           field("Priority", priority) + field("Maintainer", deb_maintainer()) + field("Standards-Version", "4.6.2") +
           field("Rules-Requires-Root", "no") + "\n" + field("Package", package.name) +
           field("Architecture", package.architecture) + field("Depends", package.depends) +
           field("Provides", package.provides) + description_of(package);
}

std::string deb_maintainer() { return "dkmsd developers <dkmsd@example.org>"; }

std::string date_text(std::time_t time)
{
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    std::array<char, 64> text{};
    const auto length = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S +0000", &parts);
    return {text.data(), length};
}

std::string changelog(const DebPackage& package, std::time_t time)
{
    return (package.source.empty() ? package.name : package.source) + " (" + package.version +
           ") unstable; urgency=low\n\n  * Made of a DKMS tree.\n\n -- " + deb_maintainer() + "  " + date_text(time) +
           "\n";
}

std::string copyright(const ModuleId& module, const std::string& source)
{
    return "This package was made of version " + module.version + " of the kernel module " + module.name +
           "\nby DKMS. Copyright and licence are those of its source" +
           (source.empty() ? "; modinfo(8) names the licence" : ":\n" + source) + ".\n";
}

} // namespace dkms
